/* SRTP and SRTCP of one peer: framing, indexes, replay and key derivation of RFC 3711, and of RFC 7714 for AEAD.
 *
 * Ciphers and hashes are OpenSSL's. A packet is authenticated before it is decrypted and before anything is
 * remembered of it. Each SSRC that was seen costs state for as long as the session lives: their number is bounded here,
 * and more narrowly by the callers.
 */
#ifndef CORDBOARD_SRTP_H
#define CORDBOARD_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum srtp_profile {
    SRTP_AES128_CM_SHA1_80,
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_32, /* of RTP: the tag of RTCP has 80 bits (RFC 3711 5.2) */
    SRTP_PROFILES,
};

enum srtp_status { SRTP_DONE, SRTP_AUTH, SRTP_REPLAY, SRTP_MALFORMED, SRTP_TOO_LONG, SRTP_TOO_MANY };

/* What may be added behind a packet: a GCM tag and the SRTCP index. */
#define SRTP_TRAILER 20
/* A video frame and its repairs come in bursts; the 64 packets that RFC 3711 3.3.2 asks for are few for that. */
#define SRTP_WINDOW 1024
#define SRTCP_WINDOW 128
/* SSRCs of each direction; beyond them SRTP_TOO_MANY. Callers know fewer at a time, but the SIP side's keys may outlive
 * a browser's. */
#define SRTP_MOST_SSRCS 1024

struct srtp_session;

/* Master key and salt, joined, of each direction; NULL without memory or with a length that is not the profile's. */
struct srtp_session *srtp_session_new(enum srtp_profile profile, const uint8_t *receive, size_t receive_length,
                                      const uint8_t *send, size_t send_length);
/* Keeps a session in a list. If one that sends with the same key is there, takes its place and goes on where it stood,
 * in both directions if the other key is the same, too; returns that one, to be freed. */
struct srtp_session *srtp_session_keep(struct srtp_session **list, struct srtp_session *session);
/* Wipes the keys; of a list, those of all. */
void srtp_session_free(struct srtp_session *session);

/* All in place. Protecting needs SRTP_TRAILER bytes of room, and is refused as a replay for a number that has been used:
 * its keystream would serve two packets (RFC 3711 9.1). A retransmission without RTX (RFC 4588), which has its old
 * number, is to be kept as it went out. */
enum srtp_status srtp_protect_rtp(struct srtp_session *session, uint8_t *packet, size_t *length);
enum srtp_status srtp_unprotect_rtp(struct srtp_session *session, uint8_t *packet, size_t *length);
enum srtp_status srtp_protect_rtcp(struct srtp_session *session, uint8_t *packet, size_t *length);
enum srtp_status srtp_unprotect_rtcp(struct srtp_session *session, uint8_t *packet, size_t *length);

/* Begin to load what packets will read: the session, and once that is there what it points to. */
void srtp_prefetch(const struct srtp_session *session);
void srtp_prefetch_parts(const struct srtp_session *session);

#endif
