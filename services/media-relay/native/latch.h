/* Which source a SIP-side port listens to, and where it sends: the rules of media_relay/core/latch.py. */
#ifndef CORDBOARD_LATCH_H
#define CORDBOARD_LATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define MOST_CANDIDATES 8

struct latch_policy {
    double other_host_seconds;
    double settle_seconds;
    uint32_t probation_packets;
    uint32_t unheard_packets_per_second;
};

enum latch_state { LATCH_CLOSED, LATCH_ARMED, LATCH_SETTLING, LATCH_LOCKED };
enum latch_rank { RANK_REFUSED, RANK_OTHER_HOST, RANK_SAME_HOST, RANK_SIGNALLED };

/* Where the peers at addresses that signalling named before were heard, oldest first. */
struct former_peers {
    uint32_t count;
    struct {
        union address signalled, source;
    } of[MOST_CANDIDATES + 1];
};

struct latch_candidate {
    union address source;
    uint32_t ssrc;
    uint16_t expected; /* next number */
    uint32_t run;      /* in sequence so far */
};

struct rtp_latch {
    enum latch_state state;
    enum latch_rank rank;
    union address source, signalled;
    double armed_at, latched_at;
    const union address *barred;
    size_t barred_count;
    uint32_t candidate_count;
    struct latch_candidate candidates[MOST_CANDIDATES]; /* on probation, the one heard last at the end */
    struct former_peers former;
};

struct rtcp_latch {
    union address source, signalled;
    struct former_peers former;
};

void rtp_latch_expect(struct rtp_latch *latch, const union address *signalled, double now);
bool rtp_latch_accepts(struct rtp_latch *latch, const struct latch_policy *policy, const union address *source,
                       uint32_t ssrc, uint16_t sequence_number, double now);
/* The peer is known to be at the signalled address, without having been heard here. */
void rtp_latch_lock(struct rtp_latch *latch);
/* Where to send now; not set: nowhere. */
const union address *rtp_latch_destination(const struct rtp_latch *latch);

void rtcp_latch_lock(struct rtcp_latch *latch);
void rtcp_latch_expect(struct rtcp_latch *latch, const union address *signalled);
bool rtcp_latch_accepts(struct rtcp_latch *latch, const union address *source, const union address *rtp_destination);
const union address *rtcp_latch_destination(const struct rtcp_latch *latch);

#endif
