/* Whole pictures. */
#include "keyframe.h"

#include "feedback.h"
#include "sip_leg.h"

/* The source of the stream that was heard last. */
static const struct heard *last_heard(const struct ssrc_table *table, int32_t stream)
{
    const struct heard *last = NULL;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->of[i].stream == stream)
            last = &table->of[i];
    return last;
}

/* The SIP side reads no RTCP that asks: its owner may ask it by signalling (RFC 5168). */
static void hand_up(struct forwarding *forwarding, const struct session *session, const uint8_t *packet)
{
    struct ring_entry entry = {
        .length = PICTURE_LOSS_INDICATION, .kind = KIND_RTCP, .session = session->number, .source = session->destination};
    ring_put(forwarding->ring, &entry, packet); /* full: the browser wishes again */
}

void keyframe_ask(struct forwarding *forwarding, struct session *session, struct stream *stream, enum side side)
{
    const struct ssrc_table *table = side == SIDE_BROWSER ? &session->browser_ssrcs : &session->sip_ssrcs;
    const struct heard *source = last_heard(table, (int32_t)(stream - session->streams));
    const struct plan *plan = &stream->plan;
    double *asked_at = &stream->keyframe_asked_at[side];
    if (!source || !plan->is_used || !plan->is_video || forwarding->now - *asked_at < KEYFRAME_PERIOD)
        return;
    *asked_at = forwarding->now;
    count(&session->counters.repairs[side == SIDE_BROWSER ? REPAIR_PICTURES_OF_BROWSER : REPAIR_PICTURES_OF_SIP], 1);
    uint8_t *packet = outbox_buffer(&forwarding->outbox);
    rtcp_picture_loss_indication(packet, OWN_SSRC, source->ssrc);
    if (side == SIDE_BROWSER)
        send_rtcp_to_browser(forwarding, session, PICTURE_LOSS_INDICATION);
    else if (plan->sip_takes_pli)
        sip_send_rtcp(forwarding, session, stream, packet, PICTURE_LOSS_INDICATION);
    else if (plan->sip_takes_fir)
        sip_send_rtcp(forwarding, session, stream, packet,
                      feedback_full_intra_request(packet, OWN_SSRC, source->ssrc, ++stream->pictures_asked));
    else
        hand_up(forwarding, session, packet);
}
