/* OpenSSL's libcrypto, opened at run time: ciphers and hashes are its own, and security updates come with the system.
 *
 * What is declared here is the part of its interface that SRTP needs, the same from 1.1 to 4.
 */
#ifndef CORDBOARD_CRYPTO_H
#define CORDBOARD_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct engine_st ENGINE;

/* OpenSSL's SHA_CTX. The plain functions: a keyed state is copied by assignment, which EVP does in twice the time. */
#define SHA1_WORDS 5
struct sha1 {
    uint32_t state[SHA1_WORDS];
    uint32_t bits[2]; /* low, high */
    uint32_t block[16];
    uint32_t used; /* bytes of the block */
};

struct crypto_library {
    EVP_CIPHER_CTX *(*EVP_CIPHER_CTX_new)(void);
    void (*EVP_CIPHER_CTX_free)(EVP_CIPHER_CTX *);
    int (*EVP_CIPHER_CTX_ctrl)(EVP_CIPHER_CTX *, int, int, void *);
    int (*EVP_CIPHER_CTX_set_padding)(EVP_CIPHER_CTX *, int);
    const EVP_CIPHER *(*EVP_aes_128_ecb)(void);
    const EVP_CIPHER *(*EVP_aes_256_ecb)(void);
    const EVP_CIPHER *(*EVP_aes_128_gcm)(void);
    const EVP_CIPHER *(*EVP_aes_256_gcm)(void);
    int (*EVP_EncryptInit_ex)(EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const uint8_t *, const uint8_t *);
    int (*EVP_EncryptUpdate)(EVP_CIPHER_CTX *, uint8_t *, int *, const uint8_t *, int);
    int (*EVP_EncryptFinal_ex)(EVP_CIPHER_CTX *, uint8_t *, int *);
    int (*EVP_DecryptInit_ex)(EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const uint8_t *, const uint8_t *);
    int (*EVP_DecryptUpdate)(EVP_CIPHER_CTX *, uint8_t *, int *, const uint8_t *, int);
    int (*EVP_DecryptFinal_ex)(EVP_CIPHER_CTX *, uint8_t *, int *);
    int (*SHA1_Init)(struct sha1 *);
    int (*SHA1_Update)(struct sha1 *, const void *, size_t);
    int (*SHA1_Final)(uint8_t *, struct sha1 *);
    int (*CRYPTO_memcmp)(const void *, const void *, size_t);
    void (*OPENSSL_cleanse)(void *, size_t);
};

extern struct crypto_library crypto;

/* Returns NULL, or why there is no crypto. */
const char *crypto_open(void);

/* AES keyed for single blocks; NULL without memory. */
EVP_CIPHER_CTX *aes_ecb_new(const uint8_t *key, size_t key_length);
bool aes_ecb_encrypt(EVP_CIPHER_CTX *aes, uint8_t *blocks, size_t length);

/* Keyed for one direction; the nonce comes with each packet (RFC 7714 8.1). */
enum gcm_use { GCM_SEAL, GCM_OPEN };
#define GCM_TAG 16
#define GCM_NONCE 12
EVP_CIPHER_CTX *gcm_new(const uint8_t *key, size_t key_length, enum gcm_use use);
struct gcm_text {
    const uint8_t *associated[2]; /* authenticated only */
    size_t associated_length[2];
    uint8_t *text; /* in place */
    size_t length;
};
bool gcm_seal(EVP_CIPHER_CTX *gcm, const uint8_t *nonce, const struct gcm_text *text, uint8_t *tag);
bool gcm_open(EVP_CIPHER_CTX *gcm, const uint8_t *nonce, const struct gcm_text *text, const uint8_t *tag);

/* HMAC-SHA1 (RFC 2104) as two hashes that have taken in the key, which is one block: what else they hold is known. */
#define SHA1_LENGTH 20
struct hmac {
    uint32_t inner[SHA1_WORDS], outer[SHA1_WORDS];
};
void hmac_key(struct hmac *hmac, const uint8_t *key, size_t key_length);
void hmac_sign(const struct hmac *hmac, const uint8_t *text, size_t length, const uint8_t *more, size_t more_length,
               uint8_t *digest);

#endif
