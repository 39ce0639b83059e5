/* How the packets of one session are treated: authenticate, find the stream, rewrite, send, count.
 *
 * Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch. The Python
 * twin is media_relay/forwarding/python/session.py.
 */
#ifndef CORDBOARD_FORWARD_H
#define CORDBOARD_FORWARD_H

#include "outbox.h"
#include "ring.h"

struct forwarding {
    struct outbox outbox;
    struct ring *ring;
    struct latch_policy latch_policy;
    double now; /* monotonic, of this round */
};

/* Packets are changed in place. */
void receive_browser_rtp(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length);
void receive_browser_rtcp(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length);

/* The same once it is in the clear, of the browser or of whoever is in its place; RTCP has its header. */
void pass_rtp_to_sip(struct forwarding *forwarding, struct session *session, const struct rtp_header *header,
                     uint8_t *packet, size_t length);
void pass_rtcp_to_sip(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length);

enum sip_port { SIP_RTP_PORT, SIP_RTCP_PORT };

/* The packet stands in the outbox's next buffer. */
void receive_sip(struct forwarding *forwarding, struct session *session, uint32_t stream, enum sip_port port,
                 size_t length, const union address *source);

/* What a stream's SIP side sent: RTP stands in the outbox's next buffer. Without a source it came over a bridge. */
void pass_rtp_to_browser(struct forwarding *forwarding, struct session *session, uint32_t stream,
                         const struct rtp_header *header, size_t length, const union address *source);
void pass_rtcp_to_browser(struct forwarding *forwarding, struct session *session, struct stream *stream,
                          enum sip_port port, uint8_t *packet, size_t length, const union address *source);

enum drop drop_of(enum srtp_status status);

static inline enum packet_kind kind_of(const struct stream *stream)
{
    return stream->plan.is_video ? VIDEO : AUDIO;
}

/* What stands in the outbox's next buffer, in the clear. */
void send_rtcp_to_browser(struct forwarding *forwarding, struct session *session, size_t length);

/* RTCP of our own making, in the clear, towards that side. */
void send_own_rtcp(struct forwarding *forwarding, struct session *session, uint32_t stream, enum side side,
                   const uint8_t *packet, size_t length, double now);
void request_keyframe(struct forwarding *forwarding, struct session *session, enum side side);

#endif
