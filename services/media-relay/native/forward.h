/* How the packets of one session are treated: authenticate, find the stream, rewrite, send, count.
 *
 * Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch. The Python
 * twin is media_relay/python_session.py.
 */
#ifndef CORDBOARD_FORWARD_H
#define CORDBOARD_FORWARD_H

#include "outbox.h"

struct forwarding {
    struct outbox outbox;
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

enum side { SIDE_BROWSER, SIDE_SIP };

void request_keyframe(struct forwarding *forwarding, struct session *session, enum side side);

#endif
