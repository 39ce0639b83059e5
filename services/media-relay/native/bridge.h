/* Two streams that are each other's SIP side: packets go from the one browser to the other without sockets between. */
#ifndef CORDBOARD_BRIDGE_H
#define CORDBOARD_BRIDGE_H

#include "forward.h"

/* Before a session ends its streams are parted. */
void bridge_join(struct session *one, uint32_t stream, struct session *other, uint32_t other_stream);
void bridge_part(struct session *session, uint32_t stream);

/* What the browser of this stream sent, in the clear, with the payload type that its SIP side knows. */
void bridge_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream, const uint8_t *packet,
                size_t length);
void bridge_rtcp(struct forwarding *forwarding, struct session *session, struct stream *stream, const uint8_t *packet,
                 size_t length);

#endif
