/* The SIP side of a stream. */
#include "sip_leg.h"

#include <string.h>

#include "bridge.h"
#include "repair.h"

#define VIDEO_FACTOR 10.0 /* a picture is many packets */

bool sip_may_send(const struct forwarding *forwarding, struct stream *stream, const union address *destination)
{
    if (stream_has_heard(stream, destination))
        return true;
    double most = forwarding->latch_policy.unheard_packets_per_second * (stream->plan.is_video ? VIDEO_FACTOR : 1.0);
    return allowance_take(&stream->unheard, most, most, forwarding->now);
}

void sip_resend_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                    const uint8_t *packet, size_t length)
{
    if (stream->bridge.session)
        bridge_rtp(forwarding, session, stream, packet, length);
    else
        send_to_sip(session, stream->rtp_socket, packet, length, rtp_latch_destination(&stream->rtp_latch),
                    kind_of(stream));
}

void sip_send_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                  const struct rtp_header *header, uint8_t *packet, size_t length)
{
    bool is_protected = stream->plan.srtp && !stream->bridge.session;
    enum srtp_status status = is_protected ? srtp_protect_rtp(stream->plan.srtp, packet, &length) : SRTP_DONE;
    if (status != SRTP_DONE) {
        session_drop(session, drop_of(status));
        return;
    }
    if (header)
        repair_sent_to_sip(stream, header, packet, length);
    sip_resend_rtp(forwarding, session, stream, packet, length);
}

void sip_send_rtcp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                   const uint8_t *packet, size_t length)
{
    const struct plan *plan = &stream->plan;
    uint8_t protected[MOST_DATAGRAM + SRTP_TRAILER]; /* a copy: other streams may get the packet too */
    if (stream->bridge.session) {
        bridge_rtcp(forwarding, session, stream, packet, length);
        return;
    }
    /* RFC 5761: multiplexed, it goes where RTP goes. */
    bool is_multiplexed = plan->is_used && address_equal(&plan->sip_rtcp, &plan->sip_rtp);
    const union address *destination =
        is_multiplexed ? rtp_latch_destination(&stream->rtp_latch) : rtcp_latch_destination(&stream->rtcp_latch);
    if (!sip_may_send(forwarding, stream, destination)) {
        session_drop(session, DROP_UNHEARD);
        return;
    }
    if (plan->srtp) {
        memcpy(protected, packet, length);
        enum srtp_status status = srtp_protect_rtcp(plan->srtp, protected, &length);
        if (status != SRTP_DONE) {
            session_drop(session, drop_of(status));
            return;
        }
        packet = protected;
    }
    send_to_sip(session, is_multiplexed ? stream->rtp_socket : stream->rtcp_socket, packet, length, destination, RTCP);
}

enum drop sip_open(struct session *session, struct stream *stream, uint32_t ssrc, unprotect *unprotect,
                   uint8_t *packet, size_t *length)
{
    if (!stream->plan.srtp)
        return DROPS;
    if (!ssrc_has_room(&session->sip_ssrcs, ssrc)) /* each costs state */
        return DROP_SSRC_LIMIT;
    enum srtp_status status = unprotect(stream->plan.srtp, packet, length);
    if (status != SRTP_DONE)
        return drop_of(status);
    ssrc_add(&session->sip_ssrcs, ssrc);
    return DROPS;
}
