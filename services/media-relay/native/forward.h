/* How the packets of one session are treated: authenticate, find the stream, rewrite, send, count.
 *
 * Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch. The Python
 * twin is media_relay/python_session.py.
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

enum sip_port { SIP_RTP_PORT, SIP_RTCP_PORT };

/* The packet stands in the outbox's next buffer. */
void receive_sip(struct forwarding *forwarding, struct session *session, uint32_t stream, enum sip_port port,
                 size_t length, const union address *source);

/* The packet is in the clear, ready otherwise, and has SRTP_TRAILER bytes of room. */
void send_rtp_to_sip(struct forwarding *forwarding, struct session *session, struct stream *stream, uint8_t *packet,
                     size_t length);
/* In the clear; to the browser goes what stands in the outbox's next buffer. */
void send_rtcp_to_browser(struct forwarding *forwarding, struct session *session, size_t length);
void send_rtcp_to_sip(const struct forwarding *forwarding, struct session *session, struct stream *stream,
                      const uint8_t *packet, size_t length);

void request_keyframe(struct forwarding *forwarding, struct session *session, enum side side);

#endif
