/* Which source a SIP-side port listens to: see media_relay/core/latch.py for why. */
#include "latch.h"

#include <string.h>

static const union address nowhere;

static bool was_former(const struct former_peers *former, const union address *source)
{
    for (uint32_t i = 0; i < former->count; i++)
        if (address_equal(&former->of[i].source, source))
            return true;
    return false;
}

static void forget_former(struct former_peers *former, uint32_t at)
{
    former->count--;
    memmove(&former->of[at], &former->of[at + 1], (former->count - at) * sizeof *former->of);
}

static uint32_t find_former(const struct former_peers *former, const union address *signalled)
{
    uint32_t at = 0;
    while (at < former->count && !address_equal(&former->of[at].signalled, signalled))
        at++;
    return at;
}

/* Signalling names another address; one that it named before is believed again. */
static void change_former(struct former_peers *former, const union address *before, const union address *source,
                          const union address *now)
{
    if (address_is_set(before)) {
        uint32_t at = find_former(former, before);
        if (at == former->count)
            former->count++;
        former->of[at].signalled = *before;
        former->of[at].source = address_is_set(source) ? *source : *before;
    }
    if (address_is_set(now)) {
        uint32_t at = find_former(former, now);
        if (at < former->count)
            forget_former(former, at);
    }
    if (former->count > MOST_CANDIDATES)
        forget_former(former, 0);
}

const union address *rtp_latch_destination(const struct rtp_latch *latch)
{
    return address_is_set(&latch->source) ? &latch->source : &latch->signalled;
}

void rtp_latch_expect(struct rtp_latch *latch, const union address *signalled, double now)
{
    bool is_same = address_equal(signalled, &latch->signalled);
    if (is_same && address_is_set(&latch->source))
        return;
    if (!is_same)
        change_former(&latch->former, &latch->signalled, &latch->source, signalled);
    latch->signalled = *signalled;
    latch->source = nowhere;
    latch->candidate_count = 0;
    latch->armed_at = now;
    latch->state = address_is_set(signalled) ? LATCH_ARMED : LATCH_CLOSED;
}

void rtp_latch_lock(struct rtp_latch *latch)
{
    latch->source = latch->signalled;
    latch->rank = RANK_SIGNALLED;
    latch->candidate_count = 0;
    latch->state = address_is_set(&latch->signalled) ? LATCH_LOCKED : LATCH_CLOSED;
}

static bool is_barred(const struct rtp_latch *latch, const union address *source)
{
    for (size_t i = 0; i < latch->barred_count; i++)
        if (address_equal(&latch->barred[i], source))
            return true;
    return false;
}

static enum latch_rank rank_of(const struct rtp_latch *latch, const struct latch_policy *policy,
                               const union address *source, double now)
{
    if (address_equal(source, &latch->signalled))
        return RANK_SIGNALLED;
    if (is_barred(latch, source) || was_former(&latch->former, source))
        return RANK_REFUSED;
    if (address_same_host(source, &latch->signalled))
        return RANK_SAME_HOST;
    bool in_time = now - latch->armed_at < policy->other_host_seconds;
    return in_time && address_is_local(&latch->signalled) ? RANK_OTHER_HOST : RANK_REFUSED;
}

static struct latch_candidate take_candidate(struct rtp_latch *latch, const union address *source, uint32_t ssrc,
                                             uint16_t sequence_number)
{
    struct latch_candidate taken = {*source, ssrc, sequence_number, 0};
    for (uint32_t i = 0; i < latch->candidate_count; i++) {
        struct latch_candidate *candidate = &latch->candidates[i];
        if (candidate->ssrc != ssrc || !address_equal(&candidate->source, source))
            continue;
        taken = *candidate;
        latch->candidate_count--;
        memmove(candidate, candidate + 1, (latch->candidate_count - i) * sizeof *candidate);
        break;
    }
    return taken;
}

/* RFC 3550 A.1: a source is valid once some packets have come in sequence. Several may be on probation. */
static bool passed_probation(struct rtp_latch *latch, const struct latch_policy *policy, const union address *source,
                             uint32_t ssrc, uint16_t sequence_number)
{
    struct latch_candidate candidate = take_candidate(latch, source, ssrc, sequence_number);
    if (latch->candidate_count >= MOST_CANDIDATES) {
        latch->candidate_count--;
        memmove(latch->candidates, latch->candidates + 1, latch->candidate_count * sizeof *latch->candidates);
    }
    candidate.run = sequence_number == candidate.expected ? candidate.run + 1 : 1;
    candidate.expected = (uint16_t)(sequence_number + 1);
    latch->candidates[latch->candidate_count++] = candidate;
    return candidate.run >= policy->probation_packets;
}

bool rtp_latch_accepts(struct rtp_latch *latch, const struct latch_policy *policy, const union address *source,
                       uint32_t ssrc, uint16_t sequence_number, double now)
{
    bool is_heard = address_is_set(&latch->source);
    if (is_heard && address_equal(source, &latch->source))
        return true;
    if (latch->state == LATCH_SETTLING && now - latch->latched_at > policy->settle_seconds)
        latch->state = LATCH_LOCKED;
    bool must_yield = latch->rank == RANK_OTHER_HOST && address_equal(source, &latch->signalled);
    if (latch->state == LATCH_CLOSED || (latch->state == LATCH_LOCKED && !must_yield))
        return false;
    enum latch_rank rank = rank_of(latch, policy, source, now);
    if (rank == RANK_REFUSED || (is_heard && rank <= latch->rank))
        return false;
    if (rank == RANK_OTHER_HOST && !passed_probation(latch, policy, source, ssrc, sequence_number))
        return false;
    if (!is_heard)
        latch->latched_at = now;
    latch->source = *source;
    latch->rank = rank;
    latch->state = rank == RANK_SIGNALLED ? LATCH_LOCKED : LATCH_SETTLING;
    return true;
}

const union address *rtcp_latch_destination(const struct rtcp_latch *latch)
{
    return address_is_set(&latch->source) ? &latch->source : &latch->signalled;
}

void rtcp_latch_expect(struct rtcp_latch *latch, const union address *signalled)
{
    if (address_equal(signalled, &latch->signalled))
        return;
    change_former(&latch->former, &latch->signalled, &latch->source, signalled);
    latch->signalled = *signalled;
    latch->source = nowhere;
}

void rtcp_latch_lock(struct rtcp_latch *latch)
{
    latch->source = latch->signalled;
}

bool rtcp_latch_accepts(struct rtcp_latch *latch, const union address *source, const union address *rtp_destination)
{
    bool is_heard = address_is_set(&latch->source);
    if (is_heard && address_equal(source, &latch->source))
        return true;
    bool is_of_rtp_host = address_is_set(rtp_destination) && address_same_host(source, rtp_destination);
    if (address_equal(source, &latch->signalled) ||
        (!is_heard && is_of_rtp_host && !was_former(&latch->former, source))) {
        latch->source = *source;
        return true;
    }
    return false;
}
