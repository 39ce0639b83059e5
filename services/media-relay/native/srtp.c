/* SRTP and SRTCP of one peer: framing, nonces, and the order in which things are checked. */
#include "srtp.h"

#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "prefetch.h"
#include "srtp_index.h"
#include "srtp_keys.h"

enum { CM_TAG = 10, CM_SHORT_TAG = 4, RTCP_INDEX = 4, BLOCK = 16 };
#define ENCRYPTED_FLAG 0x80000000u
#define LAST_RTP_INDEX ((UINT64_C(1) << 48) - 1)
#define LAST_RTCP_INDEX 0x7FFFFFFFu

struct srtp_session {
    enum srtp_profile profile;
    struct srtp_direction_keys receive, send;
    struct srtp_received *received;
    struct srtp_sent *sent;
    size_t received_count, received_room, received_last;
    size_t sent_count, sent_room, sent_last;
    struct srtp_session *next; /* that is kept */
};

struct srtp_session *srtp_session_new(enum srtp_profile profile, const uint8_t *receive, size_t receive_length,
                                      const uint8_t *send, size_t send_length)
{
    if (crypto_open() || profile >= SRTP_PROFILES)
        return NULL;
    size_t expected = srtp_key_length(profile) + srtp_salt_length(profile);
    if (receive_length != expected || send_length != expected)
        return NULL;
    struct srtp_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->profile = profile;
    if (srtp_derive(&session->receive, profile, SRTP_UNPROTECT, receive) &&
        srtp_derive(&session->send, profile, SRTP_PROTECT, send))
        return session;
    srtp_session_free(session);
    return NULL;
}

void srtp_session_free(struct srtp_session *session)
{
    while (session) {
        struct srtp_session *next = session->next;
        srtp_forget(&session->receive);
        srtp_forget(&session->send);
        free(session->received);
        free(session->sent);
        free(session);
        session = next;
    }
}

void srtp_prefetch(const struct srtp_session *session)
{
    prefetch(session, sizeof *session);
}

void srtp_prefetch_parts(const struct srtp_session *session)
{
    enum { CIPHER = 192 }; /* the part of OpenSSL's that is read for each packet, about */
    prefetch(session->receive.rtp.cipher, CIPHER);
    prefetch(session->send.rtp.cipher, CIPHER);
    prefetch(&session->received[session->received_last], sizeof *session->received);
    prefetch(&session->sent[session->sent_last], sizeof *session->sent);
}

/* Both send with the same key; of `before` only its end may follow. */
static void go_on(struct srtp_session *session, struct srtp_session *before)
{
    if (srtp_same_keys(&session->receive, &before->receive)) {
        session->received = before->received;
        session->received_count = before->received_count;
        session->received_room = before->received_room;
        before->received = NULL;
        before->received_count = before->received_room = 0;
    }
    session->sent = before->sent;
    session->sent_count = before->sent_count;
    session->sent_room = before->sent_room;
    before->sent = NULL;
    before->sent_count = before->sent_room = 0;
}

struct srtp_session *srtp_session_keep(struct srtp_session **list, struct srtp_session *session)
{
    struct srtp_session **place = list;
    while (*place && !((*place)->profile == session->profile && srtp_same_keys(&(*place)->send, &session->send)))
        place = &(*place)->next;
    struct srtp_session *before = *place;
    *place = session;
    if (before) {
        go_on(session, before);
        session->next = before->next;
        before->next = NULL;
    }
    return before;
}

static void *grown(void *array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return array;
    size_t wanted = *room ? 2 * *room : 2;
    void *larger = realloc(array, wanted * size);
    if (larger)
        *room = wanted;
    return larger;
}

/* NULL: there are too many, or there is no memory. */
static struct srtp_sent *sent_by(struct srtp_session *session, uint32_t ssrc)
{
    struct srtp_sent *found = srtp_find_sent(session->sent, session->sent_count, &session->sent_last, ssrc);
    if (found || session->sent_count == SRTP_MOST_SSRCS)
        return found;
    struct srtp_sent *all = grown(session->sent, &session->sent_room, session->sent_count, sizeof *all);
    if (!all)
        return NULL;
    session->sent = all;
    found = &all[session->sent_count++];
    *found = (struct srtp_sent){.ssrc = ssrc};
    return found;
}

static struct srtp_received *received_from(struct srtp_session *session, uint32_t ssrc)
{
    return srtp_find_received(session->received, session->received_count, &session->received_last, ssrc);
}

/* Keep what is now known of an SSRC that was authenticated for the first time. */
static void keep(struct srtp_session *session, const struct srtp_received *known)
{
    struct srtp_received *all =
        grown(session->received, &session->received_room, session->received_count, sizeof *all);
    if (!all)
        return;
    session->received = all;
    all[session->received_count++] = *known;
}

static size_t tag_length(const struct srtp_session *session)
{
    static const size_t lengths[SRTP_PROFILES] = {CM_TAG, GCM_TAG, GCM_TAG, CM_SHORT_TAG};
    return lengths[session->profile];
}

static size_t rtcp_tag_length(const struct srtp_session *session)
{
    return srtp_is_counter_mode(session->profile) ? CM_TAG : GCM_TAG;
}

static void xor_into(uint8_t *text, const uint8_t *stream, size_t length)
{
    size_t at = 0;
    for (uint64_t one, other; at + sizeof one <= length; at += sizeof one) {
        memcpy(&one, text + at, sizeof one);
        memcpy(&other, stream + at, sizeof other);
        one ^= other;
        memcpy(text + at, &one, sizeof one);
    }
    for (; at < length; at++)
        text[at] ^= stream[at];
}

/* RFC 3711 4.1.1: the salt, the SSRC and the index, each shifted to its place, XORed; the last two bytes count blocks. */
static bool counter_mode(const struct srtp_keys *keys, uint32_t ssrc, uint64_t index, uint8_t *text, size_t length)
{
    uint8_t stream[MOST_DATAGRAM + BLOCK];
    uint8_t first[BLOCK] = {0}, shifted[8];
    memcpy(first, keys->salt, SRTP_SALT);
    write_32(shifted, (uint32_t)(index >> 16));
    write_16(shifted + 4, (uint16_t)index);
    for (int i = 0; i < 4; i++)
        first[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        first[8 + i] ^= shifted[i];
    size_t blocks = (length + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < blocks; i++) {
        memcpy(stream + i * BLOCK, first, BLOCK - 2);
        write_16(stream + i * BLOCK + BLOCK - 2, (uint16_t)i);
    }
    if (!aes_ecb_encrypt(keys->cipher, stream, blocks * BLOCK))
        return false;
    xor_into(text, stream, length);
    return true;
}

/* RFC 7714 8.1: two zero bytes, SSRC, 48 bits of index; 9.1: for RTCP the index is as long, with zeros in front. */
static void make_nonce(uint8_t nonce[GCM_NONCE], const struct srtp_keys *keys, uint32_t ssrc, uint64_t index)
{
    memset(nonce, 0, 2);
    write_32(nonce + 2, ssrc);
    write_16(nonce + 6, (uint16_t)(index >> 32));
    write_32(nonce + 8, (uint32_t)index);
    for (int i = 0; i < GCM_NONCE; i++)
        nonce[i] ^= keys->salt[i];
}

enum srtp_status srtp_protect_rtp(struct srtp_session *session, uint8_t *packet, size_t *length)
{
    struct rtp_header header;
    if (*length > MOST_RTP)
        return SRTP_TOO_LONG;
    if (!rtp_parse(packet, *length, &header))
        return SRTP_MALFORMED;
    struct srtp_sent *sent = sent_by(session, header.ssrc);
    if (!sent)
        return SRTP_TOO_MANY;
    uint64_t index = srtp_guess_index(sent->rtp_index, header.sequence_number);
    /* RFC 3711 9.1: nothing is encrypted twice with the same index; 9.2: then the key has no more keystream. */
    if (!srtp_window_may_take(sent->rtp_window, SRTP_WINDOW, sent->rtp_index, index) || index > LAST_RTP_INDEX)
        return SRTP_REPLAY;
    uint8_t *text = packet + header.length;
    size_t text_length = *length - header.length;
    if (srtp_is_counter_mode(session->profile)) {
        uint8_t rollovers[4], digest[SHA1_LENGTH];
        if (!counter_mode(&session->send.rtp, header.ssrc, index, text, text_length))
            return SRTP_MALFORMED;
        write_32(rollovers, (uint32_t)(index >> 16));
        hmac_sign(&session->send.rtp.hmac, packet, *length, rollovers, sizeof rollovers, digest);
        memcpy(packet + *length, digest, tag_length(session));
    } else {
        uint8_t nonce[GCM_NONCE];
        struct gcm_text sealed = {{packet, NULL}, {header.length, 0}, text, text_length};
        make_nonce(nonce, &session->send.rtp, header.ssrc, index);
        if (!gcm_seal(session->send.rtp.cipher, nonce, &sealed, packet + *length))
            return SRTP_MALFORMED;
    }
    srtp_window_take(sent->rtp_window, SRTP_WINDOW, &sent->rtp_index, index);
    *length += tag_length(session);
    return SRTP_DONE;
}

static enum srtp_status open_rtp(struct srtp_session *session, uint8_t *packet, size_t length,
                                 const struct rtp_header *header, uint64_t index)
{
    struct srtp_keys *keys = &session->receive.rtp;
    uint8_t *text = packet + header->length;
    size_t text_length = length - header->length;
    if (srtp_is_counter_mode(session->profile)) {
        uint8_t rollovers[4], digest[SHA1_LENGTH];
        write_32(rollovers, (uint32_t)(index >> 16));
        hmac_sign(&keys->hmac, packet, length, rollovers, sizeof rollovers, digest);
        if (crypto.CRYPTO_memcmp(digest, packet + length, tag_length(session)) != 0)
            return SRTP_AUTH;
        return counter_mode(keys, header->ssrc, index, text, text_length) ? SRTP_DONE : SRTP_MALFORMED;
    }
    uint8_t nonce[GCM_NONCE];
    struct gcm_text sealed = {{packet, NULL}, {header->length, 0}, text, text_length};
    make_nonce(nonce, keys, header->ssrc, index);
    return gcm_open(keys->cipher, nonce, &sealed, packet + length) ? SRTP_DONE : SRTP_AUTH;
}

enum srtp_status srtp_unprotect_rtp(struct srtp_session *session, uint8_t *packet, size_t *length)
{
    struct rtp_header header;
    if (*length > MOST_SRTP)
        return SRTP_TOO_LONG;
    if (!rtp_parse(packet, *length, &header) || *length < header.length + tag_length(session))
        return SRTP_MALFORMED;
    struct srtp_received fresh = {.ssrc = header.ssrc};
    struct srtp_received *known = received_from(session, header.ssrc);
    struct srtp_received *state = known ? known : &fresh;
    if (!known && session->received_count == SRTP_MOST_SSRCS)
        return SRTP_TOO_MANY;
    uint64_t index = srtp_guess_index(state->rtp_index, header.sequence_number);
    if (index > LAST_RTP_INDEX || !srtp_window_may_take(state->rtp_window, SRTP_WINDOW, state->rtp_index, index))
        return SRTP_REPLAY;
    size_t text_end = *length - tag_length(session);
    enum srtp_status status = open_rtp(session, packet, text_end, &header, index);
    if (status != SRTP_DONE)
        return status;
    srtp_window_take(state->rtp_window, SRTP_WINDOW, &state->rtp_index, index);
    if (!known)
        keep(session, &fresh);
    *length = text_end;
    return SRTP_DONE;
}

/* RFC 3711 3.4: the index stands before the tag. RFC 7714 9.2: it stands behind it, and is authenticated. */
enum srtp_status srtp_protect_rtcp(struct srtp_session *session, uint8_t *packet, size_t *length)
{
    if (*length > MOST_RTP)
        return SRTP_TOO_LONG;
    if (*length < RTCP_HEADER)
        return SRTP_MALFORMED;
    uint32_t ssrc = read_32(packet + 4);
    struct srtp_sent *sent = sent_by(session, ssrc);
    struct srtp_keys keys;
    if (!sent)
        return SRTP_TOO_MANY;
    if (sent->rtcp_index >= LAST_RTCP_INDEX)
        return SRTP_REPLAY;
    if (!srtp_rtcp_keys(&keys, &session->send, session->profile, SRTP_PROTECT))
        return SRTP_MALFORMED;
    uint32_t index = ++sent->rtcp_index;
    uint8_t *end = packet + *length, trailer[RTCP_INDEX];
    write_32(trailer, index | ENCRYPTED_FLAG);
    bool done;
    if (srtp_is_counter_mode(session->profile)) {
        uint8_t digest[SHA1_LENGTH];
        done = counter_mode(&keys, ssrc, index, packet + RTCP_HEADER, *length - RTCP_HEADER);
        hmac_sign(&keys.hmac, packet, *length, trailer, RTCP_INDEX, digest);
        memcpy(end, trailer, RTCP_INDEX);
        memcpy(end + RTCP_INDEX, digest, CM_TAG);
    } else {
        uint8_t nonce[GCM_NONCE];
        struct gcm_text sealed = {
            {packet, trailer}, {RTCP_HEADER, RTCP_INDEX}, packet + RTCP_HEADER, *length - RTCP_HEADER};
        make_nonce(nonce, &keys, ssrc, index);
        done = gcm_seal(keys.cipher, nonce, &sealed, end);
        memcpy(end + GCM_TAG, trailer, RTCP_INDEX);
    }
    srtp_forget_rtcp(&keys);
    *length += rtcp_tag_length(session) + RTCP_INDEX;
    return done ? SRTP_DONE : SRTP_MALFORMED;
}

static enum srtp_status open_rtcp(struct srtp_session *session, uint8_t *packet, size_t length, uint32_t index)
{
    struct srtp_keys keys;
    if (!srtp_rtcp_keys(&keys, &session->receive, session->profile, SRTP_UNPROTECT))
        return SRTP_MALFORMED;
    uint32_t ssrc = read_32(packet + 4);
    uint8_t *text = packet + RTCP_HEADER, *end = packet + length;
    size_t text_length = length - RTCP_HEADER;
    enum srtp_status status = SRTP_AUTH;
    if (srtp_is_counter_mode(session->profile)) {
        uint8_t digest[SHA1_LENGTH];
        hmac_sign(&keys.hmac, packet, length, end, RTCP_INDEX, digest);
        if (crypto.CRYPTO_memcmp(digest, end + RTCP_INDEX, CM_TAG) == 0)
            status = counter_mode(&keys, ssrc, index, text, text_length) ? SRTP_DONE : SRTP_MALFORMED;
    } else {
        uint8_t nonce[GCM_NONCE];
        struct gcm_text sealed = {{packet, end + GCM_TAG}, {RTCP_HEADER, RTCP_INDEX}, text, text_length};
        make_nonce(nonce, &keys, ssrc, index);
        if (gcm_open(keys.cipher, nonce, &sealed, end))
            status = SRTP_DONE;
    }
    srtp_forget_rtcp(&keys);
    return status;
}

enum srtp_status srtp_unprotect_rtcp(struct srtp_session *session, uint8_t *packet, size_t *length)
{
    size_t trailer = rtcp_tag_length(session) + RTCP_INDEX;
    if (*length > MOST_SRTP)
        return SRTP_TOO_LONG;
    if (*length < RTCP_HEADER + trailer)
        return SRTP_MALFORMED;
    size_t text_end = *length - trailer;
    size_t index_at = srtp_is_counter_mode(session->profile) ? text_end : text_end + GCM_TAG;
    uint32_t word = read_32(packet + index_at);
    if (!(word & ENCRYPTED_FLAG)) /* DTLS-SRTP always encrypts (RFC 5764 4.1.2) */
        return SRTP_MALFORMED;
    uint32_t index = word & ~ENCRYPTED_FLAG;
    struct srtp_received fresh = {.ssrc = read_32(packet + 4)};
    struct srtp_received *known = received_from(session, fresh.ssrc);
    struct srtp_received *state = known ? known : &fresh;
    if (!known && session->received_count == SRTP_MOST_SSRCS)
        return SRTP_TOO_MANY;
    if (!srtp_window_may_take(state->rtcp_window, SRTCP_WINDOW, state->rtcp_index, index))
        return SRTP_REPLAY;
    enum srtp_status status = open_rtcp(session, packet, text_end, index);
    if (status != SRTP_DONE)
        return status;
    srtp_window_take(state->rtcp_window, SRTCP_WINDOW, &state->rtcp_index, index);
    if (!known)
        keep(session, &fresh);
    *length = text_end;
    return SRTP_DONE;
}
