/* Video is repaired leg by leg. */
#include "repair.h"

#include <string.h>

#include "feedback.h"
#include "sip_leg.h"

/* A NACK that is being answered. */
struct answering {
    struct forwarding *forwarding;
    struct session *session;
    struct stream *stream; /* whose RTCP it is; NULL: of the browser's, the media's SSRC says it */
    uint32_t about;
    uint32_t pictures; /* streams of which one is wanted, as bits */
};

static void resend_to_browser(struct answering *answering, const uint8_t *packet, size_t length)
{
    struct session *session = answering->session;
    struct outbox *outbox = &answering->forwarding->outbox;
    if (!address_is_set(&session->destination.address)) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    count(&session->counters.repairs[REPAIR_RESENT_TO_BROWSER], 1);
    memcpy(outbox_buffer(outbox), packet, length);
    outbox_send_to_browser(outbox, session, length, VIDEO);
}

static bool browser_is_answered(void *context, uint16_t number)
{
    struct answering *answering = context;
    const uint8_t *packet;
    size_t length;
    enum found found = send_buffer_find(&answering->stream->repair->to_browser, answering->about, number,
                                        answering->forwarding->now, &packet, &length);
    if (found == BUFFERED)
        resend_to_browser(answering, packet, length);
    return found != NOT_BUFFERED;
}

/* Of which stream of the SIP side it is, or NO_STREAM. */
static int32_t stream_of(const struct session *session, uint32_t ssrc)
{
    const struct heard *heard = ssrc_find(&session->sip_ssrcs, ssrc);
    return heard ? heard->stream : NO_STREAM;
}

/* Whether the wish was for pictures of known streams. */
static bool take_wish(struct answering *answering, const uint8_t *packet, size_t length)
{
    uint32_t source, wanted = 0;
    for (size_t n = 0; feedback_picture_source(packet, length, n, &source); n++) {
        int32_t stream = stream_of(answering->session, source);
        wanted |= stream == NO_STREAM ? 0 : 1u << stream;
    }
    answering->pictures |= wanted;
    return wanted != 0;
}

static size_t treat_browsers(void *context, uint8_t *packet, size_t length)
{
    struct answering *answering = context;
    if (feedback_wants_picture(packet, length))
        return take_wish(answering, packet, length) ? 0 : length;
    if (!feedback_is_nack(packet, length))
        return length;
    answering->about = feedback_source(packet);
    int32_t stream = stream_of(answering->session, answering->about);
    if (stream == NO_STREAM)
        return length;
    answering->stream = &answering->session->streams[stream];
    if (answering->stream->plan.answers_nack)
        length = feedback_without(packet, length, browser_is_answered, answering);
    return answering->stream->plan.sip_takes_nack ? length : 0;
}

size_t repair_from_browser(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length,
                           uint32_t *pictures)
{
    struct answering answering = {forwarding, session, NULL, 0, 0};
    length = feedback_rewrite(packet, length, treat_browsers, &answering);
    *pictures = answering.pictures;
    return length;
}

static bool phone_is_answered(void *context, uint16_t number)
{
    struct answering *answering = context;
    struct stream *stream = answering->stream;
    const uint8_t *packet;
    size_t length;
    enum found found = send_buffer_find(&stream->repair->to_sip, answering->about, number, answering->forwarding->now,
                                        &packet, &length);
    bool is_heard = stream_has_heard(stream, rtp_latch_destination(&stream->rtp_latch));
    if (found == BUFFERED && !is_heard) {
        session_drop(answering->session, DROP_UNHEARD); /* who asks is not who would get it */
    } else if (found == BUFFERED) {
        count(&answering->session->counters.repairs[REPAIR_RESENT_TO_SIP], 1);
        sip_resend_rtp(answering->forwarding, answering->session, stream, packet, length);
    }
    return found != NOT_BUFFERED;
}

/* What is not there never came, or came too long ago. It is asked for from here; and if the browser sent it again, its
 * old number would be refused as a replay. */
static size_t treat_phones(void *context, uint8_t *packet, size_t length)
{
    struct answering *answering = context;
    const struct plan *plan = &answering->stream->plan;
    if (feedback_wants_picture(packet, length)) {
        answering->pictures = 1;
        return 0;
    }
    if (!feedback_is_nack(packet, length))
        return length;
    answering->about = feedback_source(packet);
    if (plan->sip_takes_nack)
        length = feedback_without(packet, length, phone_is_answered, answering);
    return plan->answers_nack ? 0 : length;
}

size_t repair_from_sip(struct forwarding *forwarding, struct session *session, struct stream *stream, uint8_t *packet,
                       size_t length, bool *wants_picture)
{
    struct answering answering = {forwarding, session, stream, 0, 0};
    length = feedback_rewrite(packet, length, treat_phones, &answering);
    *wants_picture = answering.pictures != 0;
    return length;
}

void repair_received(struct forwarding *forwarding, struct session *session, struct stream *stream,
                     const struct rtp_header *header)
{
    uint16_t due[MOST_MISSING];
    if (!stream->plan.answers_nack)
        return;
    struct losses *losses = &stream->repair->losses;
    uint32_t missing = losses_receive(losses, header->ssrc, header->sequence_number, forwarding->now, due);
    if (!missing)
        return;
    count(&session->counters.repairs[REPAIR_ASKED_OF_BROWSER], missing);
    uint8_t *packet = outbox_buffer(&forwarding->outbox);
    size_t length = feedback_generic_nack(packet, OWN_SSRC, header->ssrc, due, missing);
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
