/* How the packets of one session are treated. */
#include "event.h"

#include <string.h>

#include "keyframe.h"
#include "partner.h"
#include "repair.h"
#include "reports.h"
#include "sip_leg.h"

enum drop drop_of(enum srtp_status status)
{
    static const enum drop drops[] = {
        [SRTP_AUTH] = DROP_SRTP_AUTH,
        [SRTP_REPLAY] = DROP_REPLAY,
        [SRTP_MALFORMED] = DROP_MALFORMED,
        [SRTP_TOO_LONG] = DROP_TOO_LONG,
        [SRTP_TOO_MANY] = DROP_SSRC_LIMIT,
    };
    return drops[status];
}

void receive_browser_rtp(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length)
{
    struct rtp_header header;
    if (!rtp_parse(packet, length, &header)) {
        session_drop(session, DROP_MALFORMED);
        return;
    }
    if (!session->srtp) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    if (!ssrc_has_room(&session->browser_ssrcs, header.ssrc)) {
        session_drop(session, DROP_SSRC_LIMIT);
        return;
    }
    enum srtp_status status = srtp_unprotect_rtp(session->srtp, packet, &length);
    if (status != SRTP_DONE) {
        session_drop(session, drop_of(status));
        return;
    }
    pass_rtp_to_sip(forwarding, session, &header, packet, length);
}

void pass_rtp_to_sip(struct forwarding *forwarding, struct session *session, const struct rtp_header *header,
                     uint8_t *packet, size_t length)
{
    int index = session->by_browser_pt[header->payload_type];
    struct heard *heard = ssrc_add(&session->browser_ssrcs, header->ssrc);
    if (heard)
        heard->stream = index;
    if (!rtp_has_valid_padding(packet, length)) {
        session_drop(session, DROP_MALFORMED);
        return;
    }
    if (index == NO_STREAM) {
        session_drop(session, session->has_browser_pt ? DROP_UNKNOWN_PT : DROP_NO_STREAM);
        return;
    }
    struct stream *stream = &session->streams[index];
    if (!stream->plan.browser_sends) {
        session_drop(session, DROP_ON_HOLD);
        return;
    }
    size_t octets = rtp_payload_length(packet, length, header);
    uint8_t payload_type = stream->plan.to_sip[header->payload_type];
    if (heard)
        statistics_hear(&heard->statistics, header, octets, forwarding->now,
                        payload_type == EVENT_PAYLOAD_TYPE ? 0 : stream->plan.clock_rate);
    if (payload_type == EVENT_PAYLOAD_TYPE) {
        hand_up_event(forwarding, session, (uint32_t)index, SIDE_BROWSER, packet, length);
        return;
    }
    if (!sip_may_send(forwarding, stream, rtp_latch_destination(&stream->rtp_latch))) {
        session_drop(session, DROP_UNHEARD);
        return;
    }
    repair_received(forwarding, session, stream, header);
    if (!outgoing_admit(&stream->outgoing, packet, header, forwarding->now)) {
        session_drop(session, DROP_DURING_EVENT);
        return;
    }
    rtp_set_payload_type(packet, payload_type);
    struct rtp_header sent = *header;
    sent.sequence_number = read_16(packet + 2);
    if (heard)
        statistics_sent(&heard->statistics, octets);
    sip_send_rtp(forwarding, session, stream, &sent, packet, length);
}

/* The stream of the sender, else those that it speaks of, else all in use: as bits. */
static uint32_t streams_concerned(const struct session *session, const struct rtcp_sources *sources)
{
    uint32_t about = 0, used = 0;
    struct heard *heard = sources->has_sender ? ssrc_find(&session->browser_ssrcs, sources->sender) : NULL;
    if (heard && heard->stream != NO_STREAM)
        return 1u << heard->stream;
    for (size_t i = 0; i < sources->about_count; i++) {
        heard = ssrc_find(&session->sip_ssrcs, sources->about[i]);
        if (heard && heard->stream != NO_STREAM)
            about |= 1u << heard->stream;
    }
    for (uint32_t i = 0; i < session->stream_count; i++)
        used |= session->streams[i].plan.is_used ? 1u << i : 0;
    return about ? about : used;
}

void receive_browser_rtcp(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length)
{
    if (length < RTCP_HEADER) {
        session_drop(session, DROP_MALFORMED);
        return;
    }
    if (!session->srtp) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    if (!ssrc_has_room(&session->browser_ssrcs, read_32(packet + 4))) {
        session_drop(session, DROP_SSRC_LIMIT);
        return;
    }
    enum srtp_status status = srtp_unprotect_rtcp(session->srtp, packet, &length);
    if (status != SRTP_DONE) {
        session_drop(session, drop_of(status));
        return;
    }
    pass_rtcp_to_sip(forwarding, session, packet, length);
}

/* What is left of RTCP may begin with a packet of another sender, which SRTCP then goes by. */
static bool may_go_on_to_sip(struct session *session, const uint8_t *packet, size_t length)
{
    if (length < RTCP_HEADER) {
        session_drop(session, DROP_MALFORMED);
        return false;
    }
    uint32_t sender = read_32(packet + 4);
    if (!ssrc_has_room(&session->browser_ssrcs, sender)) {
        session_drop(session, DROP_SSRC_LIMIT);
        return false;
    }
    return ssrc_add(&session->browser_ssrcs, sender);
}

void pass_rtcp_to_sip(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length)
{
    ssrc_add(&session->browser_ssrcs, read_32(packet + 4));
    struct rtcp_sources sources;
    if (!rtcp_parse(packet, length, &sources)) {
        session_drop(session, DROP_MALFORMED);
        return;
    }
    read_reports(packet, length, &session->browser_ssrcs, &session->sip_ssrcs, forwarding->now);
    correct_sender_counts(packet, length, &session->browser_ssrcs);
    uint32_t concerned = streams_concerned(session, &sources);
    uint32_t pictures = 0;
    length = repair_from_browser(forwarding, session, packet, length, &pictures);
    if (length && !may_go_on_to_sip(session, packet, length))
        length = 0;
    for (uint32_t i = 0; i < session->stream_count; i++) {
        if (pictures & 1u << i)
            keyframe_ask(forwarding, session, &session->streams[i], SIDE_SIP);
        if (length && concerned & 1u << i)
            sip_send_rtcp(forwarding, session, &session->streams[i], packet, length);
    }
}

/* One SSRC, one stream: two would use one keystream twice, because all share a key (RFC 3711 9.1). */
static struct heard *may_send_as(struct session *session, uint32_t ssrc, int32_t stream)
{
    if (!ssrc_has_room(&session->sip_ssrcs, ssrc))
        return NULL;
    struct heard *heard = ssrc_add(&session->sip_ssrcs, ssrc);
    if (heard && heard->stream == NO_STREAM)
        heard->stream = stream;
    return heard && heard->stream == stream ? heard : NULL;
}

/* Whether what the SIP side sends has somewhere to go, or nowhere on purpose. */
static bool is_connected(const struct session *session)
{
    return session->is_headless || (session->srtp && address_is_set(&session->destination.address));
}

/* Why an RTP packet does not go on; DROPS: it does, and `heard` is its source. The latch learns before media can flow,
 * on hold too. */
static enum drop why_not_to_browser(struct forwarding *forwarding, struct session *session, uint32_t index,
                                    const struct rtp_header *header, const union address *source,
                                    struct heard **heard)
{
    struct stream *stream = &session->streams[index];
    if (!stream->plan.is_used)
        return DROP_NO_STREAM;
    if (stream->plan.to_browser[header->payload_type] == NO_PAYLOAD_TYPE)
        return DROP_UNKNOWN_PT;
    if (source && !rtp_latch_accepts(&stream->rtp_latch, &forwarding->latch_policy, source, header->ssrc,
                                     header->sequence_number, forwarding->now))
        return DROP_LATCH_REFUSED;
    if (!stream->plan.sip_sends)
        return DROP_ON_HOLD;
    if (!is_connected(session))
        return DROP_NOT_CONNECTED;
    *heard = may_send_as(session, header->ssrc, (int32_t)index);
    return *heard ? DROPS : DROP_SSRC_LIMIT;
}

void pass_rtp_to_browser(struct forwarding *forwarding, struct session *session, uint32_t index,
                         const struct rtp_header *header, size_t length, const union address *source)
{
    struct stream *stream = &session->streams[index];
    uint8_t *packet = outbox_buffer(&forwarding->outbox);
    struct heard *heard;
    enum drop refusal = why_not_to_browser(forwarding, session, index, header, source, &heard);
    if (refusal != DROPS) {
        session_drop(session, refusal);
        return;
    }
    size_t octets = rtp_payload_length(packet, length, header);
    bool is_event = stream->plan.is_sip_event[header->payload_type];
    statistics_hear(&heard->statistics, header, octets, forwarding->now, is_event ? 0 : stream->plan.clock_rate);
    if (is_event)
        hand_up_event(forwarding, session, index, SIDE_SIP, packet, length);
    rtp_set_payload_type(packet, stream->plan.to_browser[header->payload_type]);
    if (!stream->plan.is_video) /* SRTP takes no number twice */
        write_16(packet + 2, (uint16_t)(header->sequence_number + heard->statistics.shift));
    if (session->is_headless) {
        statistics_sent(&heard->statistics, octets);
        partner_rtp(forwarding, session, kind_of(stream), length);
        return;
    }
    enum srtp_status status = srtp_protect_rtp(session->srtp, packet, &length);
    if (status != SRTP_DONE) {
        session_drop(session, drop_of(status));
        return;
    }
    statistics_sent(&heard->statistics, octets);
    repair_sent_to_browser(stream, header, packet, length);
    outbox_send_to_browser(&forwarding->outbox, session, length, kind_of(stream));
}

static void receive_sip_rtp(struct forwarding *forwarding, struct session *session, uint32_t index, size_t length,
                            const union address *source)
{
    struct stream *stream = &session->streams[index];
    uint8_t *packet = outbox_buffer(&forwarding->outbox);
    struct rtp_header header;
    enum drop refusal = DROP_MALFORMED;
    if (rtp_parse(packet, length, &header))
        refusal = sip_open(session, stream, header.ssrc, srtp_unprotect_rtp, packet, &length);
    if (refusal == DROPS && !rtp_has_valid_padding(packet, length))
        refusal = DROP_MALFORMED;
    if (refusal == DROPS)
        pass_rtp_to_browser(forwarding, session, index, &header, length, source);
    else
        session_drop(session, refusal);
}

void send_rtcp_to_browser(struct forwarding *forwarding, struct session *session, size_t length)
{
    if (!session->srtp) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    enum srtp_status status = srtp_protect_rtcp(session->srtp, outbox_buffer(&forwarding->outbox), &length);
    if (status != SRTP_DONE)
        session_drop(session, drop_of(status));
    else if (!address_is_set(&session->destination.address))
        session_drop(session, DROP_NOT_CONNECTED);
    else
        outbox_send_to_browser(&forwarding->outbox, session, length, RTCP);
}

static bool accepts_rtcp(struct stream *stream, const union address *source, enum sip_port port)
{
    const union address *rtp_destination = rtp_latch_destination(&stream->rtp_latch);
    if (port == SIP_RTP_PORT) /* multiplexed: only from where RTP comes from, and it moves nothing */
        return address_is_set(rtp_destination) && address_equal(source, rtp_destination);
    return rtcp_latch_accepts(&stream->rtcp_latch, source, rtp_destination);
}

/* Why RTCP does not go on; DROPS: it does. */
static enum drop why_not_rtcp_to_browser(struct session *session, struct stream *stream, enum sip_port port,
                                         const struct rtcp_sources *sources, const union address *source)
{
    if (!stream->plan.is_used)
        return DROP_NO_STREAM;
    if (source && !accepts_rtcp(stream, source, port))
        return DROP_LATCH_REFUSED;
    if (!is_connected(session))
        return DROP_NOT_CONNECTED;
    return ssrc_has_room(&session->sip_ssrcs, sources->sender) ? DROPS : DROP_SSRC_LIMIT;
}

/* The same for the other way. */
static void send_rest_to_browser(struct forwarding *forwarding, struct session *session, const uint8_t *packet,
                                 size_t length)
{
    struct rtcp_sources sources;
    if (!rtcp_parse(packet, length, &sources) || !sources.has_sender)
        return;
    if (!ssrc_has_room(&session->sip_ssrcs, sources.sender)) {
        session_drop(session, DROP_SSRC_LIMIT);
        return;
    }
    ssrc_add(&session->sip_ssrcs, sources.sender);
    memcpy(outbox_buffer(&forwarding->outbox), packet, length);
    if (session->is_headless)
        partner_rtcp(forwarding, session, length);
    else
        send_rtcp_to_browser(forwarding, session, length);
}

void pass_rtcp_to_browser(struct forwarding *forwarding, struct session *session, struct stream *stream,
                          enum sip_port port, uint8_t *packet, size_t length, const union address *source)
{
    struct rtcp_sources sources;
    if (!rtcp_parse(packet, length, &sources) || !sources.has_sender) {
        session_drop(session, DROP_MALFORMED);
        return;
    }
    enum drop refusal = why_not_rtcp_to_browser(session, stream, port, &sources, source);
    if (refusal != DROPS) {
        session_drop(session, refusal);
        return;
    }
    read_reports(packet, length, &session->sip_ssrcs, &session->browser_ssrcs, forwarding->now);
    bool wants_picture = false;
    length = repair_from_sip(forwarding, session, stream, packet, length, &wants_picture);
    if (length)
        send_rest_to_browser(forwarding, session, packet, length);
    if (wants_picture) /* after that, for it uses the same buffer */
        keyframe_ask(forwarding, session, stream, SIDE_BROWSER);
}

static void receive_sip_rtcp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                             enum sip_port port, size_t length, const union address *source)
{
    uint8_t packet[MOST_DATAGRAM]; /* a copy: what answers it may be written where it stands */
    enum drop refusal = DROP_MALFORMED;
    memcpy(packet, outbox_buffer(&forwarding->outbox), length);
    if (length >= RTCP_HEADER)
        refusal = sip_open(session, stream, read_32(packet + 4), srtp_unprotect_rtcp, packet, &length);
    if (refusal == DROPS)
        pass_rtcp_to_browser(forwarding, session, stream, port, packet, length, source);
    else
        session_drop(session, refusal);
}

void receive_sip(struct forwarding *forwarding, struct session *session, uint32_t index, enum sip_port port,
                 size_t length, const union address *source)
{
    struct stream *stream = &session->streams[index];
    if (stream->bridge.session) /* its ports listen to nobody meanwhile, whoever was named for them */
        session_drop(session, DROP_LATCH_REFUSED);
    else if (port == SIP_RTCP_PORT || is_rtcp(outbox_buffer(&forwarding->outbox), length))
        receive_sip_rtcp(forwarding, session, stream, port, length, source);
    else
        receive_sip_rtp(forwarding, session, index, length, source);
}

void send_own_rtcp(struct forwarding *forwarding, struct session *session, uint32_t stream, enum side side,
                   const uint8_t *packet, size_t length, double now)
{
    read_own_reports(packet, length, side == SIDE_BROWSER ? &session->sip_ssrcs : &session->browser_ssrcs, now);
    if (side == SIDE_SIP) {
        sip_send_rtcp(forwarding, session, &session->streams[stream], packet, length);
        return;
    }
    memcpy(outbox_buffer(&forwarding->outbox), packet, length);
    send_rtcp_to_browser(forwarding, session, length);
}

void request_keyframe(struct forwarding *forwarding, struct session *session, enum side side)
{
    for (uint32_t i = 0; i < session->stream_count; i++)
        keyframe_ask(forwarding, session, &session->streams[i], side);
}
