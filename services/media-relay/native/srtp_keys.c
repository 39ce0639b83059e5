/* Session keys of one direction, derived from its master key (RFC 3711 4.3). */
#include "srtp_keys.h"

#include <string.h>

/* RFC 3711 4.3.2 */
enum label { RTP_ENCRYPTION, RTP_AUTHENTICATION, RTP_SALT, RTCP_ENCRYPTION, RTCP_AUTHENTICATION, RTCP_SALT };

#define BLOCK 16

static const struct {
    size_t key, salt;
} lengths[SRTP_PROFILES] = {
    [SRTP_AES128_CM_SHA1_80] = {16, 14},
    [SRTP_AES128_CM_SHA1_32] = {16, 14},
    [SRTP_AEAD_AES_128_GCM] = {16, 12},
    [SRTP_AEAD_AES_256_GCM] = {32, 12},
};

size_t srtp_key_length(enum srtp_profile profile)
{
    return lengths[profile].key;
}

size_t srtp_salt_length(enum srtp_profile profile)
{
    return lengths[profile].salt;
}

/* The counter mode of the master key, from the salt with the label in its eighth byte; the key derivation rate is 0.
 * A salt of 12 bytes is filled up with zeros at its end (RFC 7714 11). */
static bool derive(EVP_CIPHER_CTX *master, const uint8_t *salt, enum label label, uint8_t *key, size_t length)
{
    uint8_t blocks[2 * BLOCK] = {0};
    for (int i = 0; i < 2; i++) {
        memcpy(blocks + i * BLOCK, salt, SRTP_SALT);
        blocks[i * BLOCK + 7] ^= (uint8_t)label;
        blocks[i * BLOCK + BLOCK - 1] = (uint8_t)i;
    }
    bool done = aes_ecb_encrypt(master, blocks, sizeof blocks);
    memcpy(key, blocks, length);
    crypto.OPENSSL_cleanse(blocks, sizeof blocks);
    return done;
}

static EVP_CIPHER_CTX *cipher_new(enum srtp_profile profile, enum srtp_direction direction, const uint8_t *key)
{
    if (srtp_is_counter_mode(profile))
        return aes_ecb_new(key, srtp_key_length(profile));
    return gcm_new(key, srtp_key_length(profile), direction == SRTP_PROTECT ? GCM_SEAL : GCM_OPEN);
}

bool srtp_derive(struct srtp_direction_keys *keys, enum srtp_profile profile, enum srtp_direction direction,
                 const uint8_t *master)
{
    size_t key_length = srtp_key_length(profile);
    uint8_t salt[SRTP_SALT] = {0}, key[SRTP_MOST_KEY], authentication[SHA1_LENGTH];
    memset(keys, 0, sizeof *keys);
    EVP_CIPHER_CTX *aes = aes_ecb_new(master, key_length);
    if (!aes)
        return false;
    memcpy(salt, master + key_length, srtp_salt_length(profile));
    bool done = derive(aes, salt, RTP_ENCRYPTION, key, key_length) &&
                derive(aes, salt, RTP_AUTHENTICATION, authentication, sizeof authentication) &&
                derive(aes, salt, RTP_SALT, keys->rtp.salt, srtp_salt_length(profile)) &&
                derive(aes, salt, RTCP_ENCRYPTION, keys->rtcp_key, key_length) &&
                derive(aes, salt, RTCP_AUTHENTICATION, keys->rtcp_authentication, SHA1_LENGTH) &&
                derive(aes, salt, RTCP_SALT, keys->rtcp_salt, srtp_salt_length(profile));
    if (done) {
        keys->rtp.cipher = cipher_new(profile, direction, key);
        hmac_key(&keys->rtp.hmac, authentication, sizeof authentication);
    }
    crypto.EVP_CIPHER_CTX_free(aes);
    crypto.OPENSSL_cleanse(key, sizeof key);
    crypto.OPENSSL_cleanse(authentication, sizeof authentication);
    crypto.OPENSSL_cleanse(salt, sizeof salt);
    return done && keys->rtp.cipher;
}

void srtp_forget(struct srtp_direction_keys *keys)
{
    crypto.EVP_CIPHER_CTX_free(keys->rtp.cipher);
    crypto.OPENSSL_cleanse(keys, sizeof *keys);
}

bool srtp_same_keys(const struct srtp_direction_keys *one, const struct srtp_direction_keys *other)
{
    return crypto.CRYPTO_memcmp(one->rtcp_key, other->rtcp_key, sizeof one->rtcp_key) == 0 &&
           crypto.CRYPTO_memcmp(one->rtcp_salt, other->rtcp_salt, sizeof one->rtcp_salt) == 0;
}

bool srtp_rtcp_keys(struct srtp_keys *rtcp, const struct srtp_direction_keys *keys, enum srtp_profile profile,
                    enum srtp_direction direction)
{
    rtcp->cipher = cipher_new(profile, direction, keys->rtcp_key);
    if (!rtcp->cipher)
        return false;
    if (srtp_is_counter_mode(profile))
        hmac_key(&rtcp->hmac, keys->rtcp_authentication, SHA1_LENGTH);
    memcpy(rtcp->salt, keys->rtcp_salt, SRTP_SALT);
    return true;
}

void srtp_forget_rtcp(struct srtp_keys *rtcp)
{
    crypto.EVP_CIPHER_CTX_free(rtcp->cipher);
    crypto.OPENSSL_cleanse(rtcp, sizeof *rtcp);
}
