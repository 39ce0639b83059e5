/* Session keys of one direction, derived from its master key (RFC 3711 4.3). */
#ifndef CORDBOARD_SRTP_KEYS_H
#define CORDBOARD_SRTP_KEYS_H

#include "crypto.h"
#include "srtp.h"

#define SRTP_MOST_KEY 32
#define SRTP_SALT 14

enum srtp_direction { SRTP_PROTECT, SRTP_UNPROTECT };

struct srtp_keys {
    EVP_CIPHER_CTX *cipher; /* AES-ECB for the counter mode, or GCM */
    struct hmac hmac;       /* not for AEAD */
    uint8_t salt[SRTP_SALT];
};

struct srtp_direction_keys {
    struct srtp_keys rtp;
    /* RTCP comes some times a minute, so what it needs is keyed for each packet, which saves memory in each session. */
    uint8_t rtcp_key[SRTP_MOST_KEY];
    uint8_t rtcp_authentication[SHA1_LENGTH];
    uint8_t rtcp_salt[SRTP_SALT];
};

static inline bool srtp_is_counter_mode(enum srtp_profile profile)
{
    return profile == SRTP_AES128_CM_SHA1_80 || profile == SRTP_AES128_CM_SHA1_32;
}

size_t srtp_key_length(enum srtp_profile profile);
size_t srtp_salt_length(enum srtp_profile profile);

bool srtp_derive(struct srtp_direction_keys *keys, enum srtp_profile profile, enum srtp_direction direction,
                 const uint8_t *master);
void srtp_forget(struct srtp_direction_keys *keys);
/* Whether they come from the same master key, told by what was derived from it. */
bool srtp_same_keys(const struct srtp_direction_keys *one, const struct srtp_direction_keys *other);

/* For one RTCP packet; forget them after it. */
bool srtp_rtcp_keys(struct srtp_keys *rtcp, const struct srtp_direction_keys *keys, enum srtp_profile profile,
                    enum srtp_direction direction);
void srtp_forget_rtcp(struct srtp_keys *rtcp);

#endif
