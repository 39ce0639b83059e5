/* OpenSSL's libcrypto, opened at run time. */
#include "crypto.h"

#include <dlfcn.h>
#include <string.h>

/* From openssl/evp.h. */
enum { EVP_CTRL_AEAD_GET_TAG = 0x10, EVP_CTRL_AEAD_SET_TAG = 0x11 };

struct crypto_library crypto;

static const char *const library_names[] = {"libcrypto.so.3", "libcrypto.so.4", "libcrypto.so.1.1"};

static void *open_library(void)
{
    for (size_t i = 0; i < sizeof library_names / sizeof *library_names; i++) {
        void *library = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
    }
    return NULL;
}

#define SYMBOL(name) {#name, offsetof(struct crypto_library, name)}

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    SYMBOL(EVP_CIPHER_CTX_new),
    SYMBOL(EVP_CIPHER_CTX_free),
    SYMBOL(EVP_CIPHER_CTX_ctrl),
    SYMBOL(EVP_CIPHER_CTX_set_padding),
    SYMBOL(EVP_aes_128_ecb),
    SYMBOL(EVP_aes_256_ecb),
    SYMBOL(EVP_aes_128_gcm),
    SYMBOL(EVP_aes_256_gcm),
    SYMBOL(EVP_EncryptInit_ex),
    SYMBOL(EVP_EncryptUpdate),
    SYMBOL(EVP_EncryptFinal_ex),
    SYMBOL(EVP_DecryptInit_ex),
    SYMBOL(EVP_DecryptUpdate),
    SYMBOL(EVP_DecryptFinal_ex),
    SYMBOL(SHA1_Init),
    SYMBOL(SHA1_Update),
    SYMBOL(SHA1_Final),
    SYMBOL(CRYPTO_memcmp),
    SYMBOL(OPENSSL_cleanse),
};

const char *crypto_open(void)
{
    if (crypto.OPENSSL_cleanse)
        return NULL;
    void *library = open_library();
    if (!library)
        return "no libcrypto.so.3, .4 or .1.1";
    struct crypto_library opened;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *found = dlsym(library, symbols[i].name);
        if (!found) {
            dlclose(library);
            return symbols[i].name;
        }
        memcpy((char *)&opened + symbols[i].offset, &found, sizeof found);
    }
    crypto = opened;
    return NULL;
}

EVP_CIPHER_CTX *aes_ecb_new(const uint8_t *key, size_t key_length)
{
    EVP_CIPHER_CTX *aes = crypto.EVP_CIPHER_CTX_new();
    if (!aes)
        return NULL;
    const EVP_CIPHER *cipher = key_length == 32 ? crypto.EVP_aes_256_ecb() : crypto.EVP_aes_128_ecb();
    if (crypto.EVP_EncryptInit_ex(aes, cipher, NULL, key, NULL) == 1 && crypto.EVP_CIPHER_CTX_set_padding(aes, 0) == 1)
        return aes;
    crypto.EVP_CIPHER_CTX_free(aes);
    return NULL;
}

bool aes_ecb_encrypt(EVP_CIPHER_CTX *aes, uint8_t *blocks, size_t length)
{
    int written;
    return crypto.EVP_EncryptUpdate(aes, blocks, &written, blocks, (int)length) == 1 && (size_t)written == length;
}

EVP_CIPHER_CTX *gcm_new(const uint8_t *key, size_t key_length, enum gcm_use use)
{
    EVP_CIPHER_CTX *gcm = crypto.EVP_CIPHER_CTX_new();
    if (!gcm)
        return NULL;
    const EVP_CIPHER *cipher = key_length == 32 ? crypto.EVP_aes_256_gcm() : crypto.EVP_aes_128_gcm();
    int done = use == GCM_SEAL ? crypto.EVP_EncryptInit_ex(gcm, cipher, NULL, key, NULL)
                               : crypto.EVP_DecryptInit_ex(gcm, cipher, NULL, key, NULL);
    if (done == 1)
        return gcm;
    crypto.EVP_CIPHER_CTX_free(gcm);
    return NULL;
}

bool gcm_seal(EVP_CIPHER_CTX *gcm, const uint8_t *nonce, const struct gcm_text *text, uint8_t *tag)
{
    int written;
    if (crypto.EVP_EncryptInit_ex(gcm, NULL, NULL, NULL, nonce) != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (text->associated_length[i] &&
            crypto.EVP_EncryptUpdate(gcm, NULL, &written, text->associated[i], (int)text->associated_length[i]) != 1)
            return false;
    if (text->length && crypto.EVP_EncryptUpdate(gcm, text->text, &written, text->text, (int)text->length) != 1)
        return false;
    return crypto.EVP_EncryptFinal_ex(gcm, text->text + text->length, &written) == 1 &&
           crypto.EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, tag) == 1;
}

bool gcm_open(EVP_CIPHER_CTX *gcm, const uint8_t *nonce, const struct gcm_text *text, const uint8_t *tag)
{
    int written;
    uint8_t expected[GCM_TAG];
    memcpy(expected, tag, sizeof expected);
    if (crypto.EVP_DecryptInit_ex(gcm, NULL, NULL, NULL, nonce) != 1 ||
        crypto.EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, expected) != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (text->associated_length[i] &&
            crypto.EVP_DecryptUpdate(gcm, NULL, &written, text->associated[i], (int)text->associated_length[i]) != 1)
            return false;
    if (text->length && crypto.EVP_DecryptUpdate(gcm, text->text, &written, text->text, (int)text->length) != 1)
        return false;
    return crypto.EVP_DecryptFinal_ex(gcm, text->text + text->length, &written) == 1;
}

enum { SHA1_BLOCK = 64 };

static void keep_key(uint32_t state[SHA1_WORDS], uint8_t block[SHA1_BLOCK])
{
    struct sha1 hash;
    crypto.SHA1_Init(&hash);
    crypto.SHA1_Update(&hash, block, SHA1_BLOCK);
    memcpy(state, hash.state, sizeof hash.state);
    crypto.OPENSSL_cleanse(&hash, sizeof hash);
    crypto.OPENSSL_cleanse(block, SHA1_BLOCK);
}

void hmac_key(struct hmac *hmac, const uint8_t *key, size_t key_length)
{
    uint8_t inner[SHA1_BLOCK] = {0}, outer[SHA1_BLOCK] = {0};
    memcpy(inner, key, key_length);
    memcpy(outer, key, key_length);
    for (int i = 0; i < SHA1_BLOCK; i++) {
        inner[i] ^= 0x36;
        outer[i] ^= 0x5C;
    }
    keep_key(hmac->inner, inner);
    keep_key(hmac->outer, outer);
}

/* What stands in the block is not read before it is written. */
static void resume(struct sha1 *hash, const uint32_t state[SHA1_WORDS])
{
    memcpy(hash->state, state, sizeof hash->state);
    hash->bits[0] = 8 * SHA1_BLOCK;
    hash->bits[1] = 0;
    hash->used = 0;
}

void hmac_sign(const struct hmac *hmac, const uint8_t *text, size_t length, const uint8_t *more, size_t more_length,
               uint8_t *digest)
{
    struct sha1 hash;
    resume(&hash, hmac->inner);
    crypto.SHA1_Update(&hash, text, length);
    crypto.SHA1_Update(&hash, more, more_length);
    crypto.SHA1_Final(digest, &hash);
    resume(&hash, hmac->outer);
    crypto.SHA1_Update(&hash, digest, SHA1_LENGTH);
    crypto.SHA1_Final(digest, &hash);
}
