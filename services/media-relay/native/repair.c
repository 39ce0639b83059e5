/* Video is repaired leg by leg. */
#include "repair.h"

#include <string.h>

#include "feedback.h"

/* A NACK that is being answered. */
struct answering {
    struct forwarding *forwarding;
    struct session *session;
    struct stream *stream; /* whose RTCP it is; NULL: of the browser's, the media's SSRC says it */
    uint32_t about;
};

static void resend_to_browser(struct answering *answering, const uint8_t *packet, size_t length)
{
    struct session *session = answering->session;
    struct outbox *outbox = &answering->forwarding->outbox;
    if (!address_is_set(&session->destination)) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    memcpy(outbox_buffer(outbox), packet, length);
    outbox_send_to_browser(outbox, session, length, VIDEO);
}

static bool browser_is_answered(void *context, uint16_t number)
{
    struct answering *answering = context;
    const uint8_t *packet;
    size_t length;
    enum found found =
        send_buffer_find(&answering->stream->repair->to_browser, answering->about, number, &packet, &length);
    if (found == BUFFERED)
        resend_to_browser(answering, packet, length);
    return found != NOT_BUFFERED;
}

static size_t treat_browsers(void *context, uint8_t *packet, size_t length)
{
    struct answering *answering = context;
    if (!feedback_is_nack(packet, length))
        return length;
    answering->about = feedback_source(packet);
    struct heard *heard = ssrc_find(&answering->session->sip_ssrcs, answering->about);
    if (!heard || heard->stream == NO_STREAM)
        return length;
    answering->stream = &answering->session->streams[heard->stream];
    if (answering->stream->plan.answers_nack)
        length = feedback_without(packet, length, browser_is_answered, answering);
    return answering->stream->plan.sip_takes_nack ? length : 0;
}

size_t repair_from_browser(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length)
{
    struct answering answering = {forwarding, session, NULL, 0};
    return feedback_rewrite(packet, length, treat_browsers, &answering);
}

static bool phone_is_answered(void *context, uint16_t number)
{
    struct answering *answering = context;
    struct stream *stream = answering->stream;
    const uint8_t *packet;
    size_t length;
    enum found found = send_buffer_find(&stream->repair->to_sip, answering->about, number, &packet, &length);
    if (found == BUFFERED)
        send_to_sip(answering->session, stream->rtp_socket, packet, length, rtp_latch_destination(&stream->rtp_latch),
                    VIDEO);
    return found != NOT_BUFFERED;
}

/* What is not there never came, or came too long ago. It is asked for from here; and if the browser sent it again, its
 * old number would be refused as a replay. */
static size_t treat_phones(void *context, uint8_t *packet, size_t length)
{
    struct answering *answering = context;
    const struct plan *plan = &answering->stream->plan;
    if (!feedback_is_nack(packet, length))
        return length;
    answering->about = feedback_source(packet);
    if (plan->sip_takes_nack)
        length = feedback_without(packet, length, phone_is_answered, answering);
    return plan->answers_nack ? 0 : length;
}

size_t repair_from_sip(struct forwarding *forwarding, struct session *session, struct stream *stream, uint8_t *packet,
                       size_t length)
{
    struct answering answering = {forwarding, session, stream, 0};
    return feedback_rewrite(packet, length, treat_phones, &answering);
}

void repair_received(struct forwarding *forwarding, struct session *session, struct stream *stream,
                     const struct rtp_header *header)
{
    uint16_t due[MOST_MISSING];
    if (!stream->plan.answers_nack)
        return;
    uint32_t count = losses_receive(&stream->repair->losses, header->ssrc, header->sequence_number, forwarding->now, due);
    if (!count)
        return;
    uint8_t *packet = outbox_buffer(&forwarding->outbox);
    size_t length = feedback_generic_nack(packet, OWN_SSRC, header->ssrc, due, count);
    send_rtcp_to_browser(forwarding, session, length);
}

void repair_sent_to_browser(struct stream *stream, const struct rtp_header *header, const uint8_t *packet,
                            size_t length)
{
    if (stream->plan.answers_nack)
        send_buffer_keep(&stream->repair->to_browser, header->ssrc, header->sequence_number, packet, length);
}

void repair_sent_to_sip(struct stream *stream, const struct rtp_header *header, const uint8_t *packet, size_t length)
{
    if (stream->plan.sip_takes_nack)
        send_buffer_keep(&stream->repair->to_sip, header->ssrc, header->sequence_number, packet, length);
}
