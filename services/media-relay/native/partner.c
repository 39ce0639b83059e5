/* Two sessions without a browser. */
#include "partner.h"

#include <string.h>

/* Where other relays or servers lead back to us what we send, each packet goes round until it is one too many. */
#define MOST_PER_SECOND 1000.0 /* ten times what a call of 10 ms packets has */

static bool may_pass(const struct forwarding *forwarding, struct session *partner)
{
    if (allowance_take(&partner->of_partner, MOST_PER_SECOND, MOST_PER_SECOND, forwarding->now))
        return true;
    session_drop(partner, DROP_TOO_MANY);
    return false;
}

void partner_part(struct session *session)
{
    if (!session->partner)
        return;
    session->partner->partner = NULL;
    session->partner = NULL;
}

void partner_join(struct session *one, struct session *other)
{
    partner_part(one);
    one->is_headless = true;
    if (!other)
        return;
    partner_part(other);
    other->is_headless = true;
    one->partner = other;
    other->partner = one;
}

void partner_rtp(struct forwarding *forwarding, struct session *session, enum packet_kind kind, size_t length)
{
    uint8_t packet[MOST_DATAGRAM + SRTP_TRAILER]; /* a copy: a bridge at the other end uses the outbox itself */
    struct rtp_header header;
    if (!session->partner || !may_pass(forwarding, session->partner))
        return;
    memcpy(packet, outbox_buffer(&forwarding->outbox), length);
    count_sent(&session->counters, SIP_TO_BROWSER, kind, length);
    if (!rtp_parse(packet, length, &header))
        session_drop(session->partner, DROP_MALFORMED);
    else if (!ssrc_has_room(&session->partner->browser_ssrcs, header.ssrc))
        session_drop(session->partner, DROP_SSRC_LIMIT);
    else
        pass_rtp_to_sip(forwarding, session->partner, &header, packet, length);
}

void partner_rtcp(struct forwarding *forwarding, struct session *session, size_t length)
{
    uint8_t packet[MOST_DATAGRAM + SRTP_TRAILER];
    if (!session->partner || !may_pass(forwarding, session->partner))
        return;
    memcpy(packet, outbox_buffer(&forwarding->outbox), length);
    count_sent(&session->counters, SIP_TO_BROWSER, RTCP, length);
    if (ssrc_has_room(&session->partner->browser_ssrcs, read_32(packet + 4)))
        pass_rtcp_to_sip(forwarding, session->partner, packet, length);
    else
        session_drop(session->partner, DROP_SSRC_LIMIT);
}
