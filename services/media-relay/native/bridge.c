/* Two streams that are each other's SIP side. */
#include "bridge.h"

#include <string.h>

#include "repair.h"

static void lead(struct stream *stream, struct session *other, uint32_t other_stream)
{
    stream->bridge = (struct bridge){other, other_stream};
    if (stream->repair) /* what it holds may be protected for the ports */
        send_buffer_clear(&stream->repair->to_sip);
    /* Not to listen to a stranger now that has not been heard yet. */
    rtp_latch_lock(&stream->rtp_latch);
    rtcp_latch_lock(&stream->rtcp_latch);
}

static void leave(struct stream *stream)
{
    stream->bridge.session = NULL;
    if (stream->repair)
        send_buffer_clear(&stream->repair->to_sip);
}

void bridge_part(struct session *session, uint32_t index)
{
    struct stream *stream = &session->streams[index];
    if (!stream->bridge.session)
        return;
    leave(&stream->bridge.session->streams[stream->bridge.stream]);
    leave(stream);
}

void bridge_join(struct session *one, uint32_t stream, struct session *other, uint32_t other_stream)
{
    bridge_part(one, stream);
    bridge_part(other, other_stream);
    lead(&one->streams[stream], other, other_stream);
    lead(&other->streams[other_stream], one, stream);
}

void bridge_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream, const uint8_t *packet,
                size_t length)
{
    struct session *other = stream->bridge.session;
    struct rtp_header header;
    count_sent(&session->counters, BROWSER_TO_SIP, kind_of(stream), length);
    memcpy(outbox_buffer(&forwarding->outbox), packet, length);
    if (rtp_parse(packet, length, &header))
        pass_rtp_to_browser(forwarding, other, stream->bridge.stream, &header, length, NULL);
    else
        session_drop(other, DROP_MALFORMED);
}

void bridge_rtcp(struct forwarding *forwarding, struct session *session, struct stream *stream, const uint8_t *packet,
                 size_t length)
{
    struct session *other = stream->bridge.session;
    uint8_t copy[MOST_DATAGRAM]; /* what is answered of it is taken out, and the answer stands in the outbox */
    count_sent(&session->counters, BROWSER_TO_SIP, RTCP, length);
    memcpy(copy, packet, length);
    pass_rtcp_to_browser(forwarding, other, &other->streams[stream->bridge.stream], SIP_RTP_PORT, copy, length, NULL);
}
