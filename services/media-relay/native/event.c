/* Telephone-events. */
#include "event.h"

#include <string.h>

#include "sip_leg.h"

/* No thumb is faster: what comes beyond is not handed up. */
#define EVENT_PACKETS_PER_SECOND 100

void hand_up_event(struct forwarding *forwarding, struct session *session, uint32_t index, enum side side,
                   const uint8_t *packet, size_t length)
{
    struct allowance *allowance = &session->streams[index].events[side];
    struct ring_entry entry = {.length = (uint32_t)length,
                               .kind = side == SIDE_BROWSER ? KIND_BROWSER_EVENT : KIND_SIP_EVENT,
                               .session = session->number,
                               .stream = index};
    bool is_taken =
        allowance_take(allowance, EVENT_PACKETS_PER_SECOND, EVENT_PACKETS_PER_SECOND, forwarding->now) &&
        ring_put(forwarding->ring, &entry, packet);
    if (!is_taken && side == SIDE_BROWSER) /* the other's go on all the same */
        session_drop(session, DROP_DURING_EVENT);
}

void set_event(struct forwarding *forwarding, struct session *session, uint32_t index, bool begins)
{
    struct stream *stream = &session->streams[index];
    if (begins)
        outgoing_begin_event(&stream->outgoing, stream->plan.clock_rate, forwarding->now);
    else
        outgoing_end_event(&stream->outgoing);
}

void send_own(struct forwarding *forwarding, struct session *session, uint32_t index, uint8_t payload_type,
              const uint8_t *payload, size_t length, bool marker, uint32_t later)
{
    struct stream *stream = &session->streams[index];
    uint8_t packet[RTP_FIXED_HEADER + MOST_OWN_PAYLOAD + SRTP_TRAILER];
    if (payload_type == NO_PAYLOAD_TYPE)
        payload_type = stream->plan.events_to_sip;
    if (payload_type == NO_PAYLOAD_TYPE || !stream->plan.is_used) {
        session_drop(session, DROP_NO_STREAM);
        return;
    }
    if (!sip_may_send(forwarding, stream, rtp_latch_destination(&stream->rtp_latch))) {
        session_drop(session, DROP_UNHEARD);
        return;
    }
    outgoing_event_header(&stream->outgoing, packet, payload_type, marker, later);
    memcpy(packet + RTP_FIXED_HEADER, payload, length);
    struct heard *heard = ssrc_find(&session->browser_ssrcs, read_32(packet + 8));
    if (heard)
        statistics_sent_event(&heard->statistics, length);
    sip_send_rtp(forwarding, session, stream, NULL, packet, RTP_FIXED_HEADER + length);
}
