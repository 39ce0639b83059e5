/* What is remembered of each SSRC: packet indexes (RFC 3711 3.3.1) and which have been (3.3.2). */
#ifndef CORDBOARD_SRTP_INDEX_H
#define CORDBOARD_SRTP_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "srtp.h"

struct srtp_sent {
    uint32_t ssrc;
    uint32_t rtcp_index; /* of the last packet */
    uint64_t rtp_index;  /* highest so far: rollover counter and sequence number */
    uint64_t rtp_window[SRTP_WINDOW / 64];
};

struct srtp_received {
    uint32_t ssrc;
    uint64_t rtp_index; /* highest so far */
    uint64_t rtp_window[SRTP_WINDOW / 64];
    uint64_t rtcp_index;
    uint64_t rtcp_window[SRTCP_WINDOW / 64];
};

/* The index that a sequence number most likely means (RFC 3711 Appendix A), given the highest so far. */
uint64_t srtp_guess_index(uint64_t highest, uint16_t sequence_number);

/* A window is a ring of bits; the highest index is its newest. */
bool srtp_window_may_take(const uint64_t *window, unsigned size, uint64_t highest, uint64_t index);
void srtp_window_take(uint64_t *window, unsigned size, uint64_t *highest, uint64_t index);

/* Growing arrays; the found one is tried first the next time. */
struct srtp_received *srtp_find_received(struct srtp_received *all, size_t count, size_t *last, uint32_t ssrc);
struct srtp_sent *srtp_find_sent(struct srtp_sent *all, size_t count, size_t *last, uint32_t ssrc);

#endif
