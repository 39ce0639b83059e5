/* Video is repaired leg by leg: what a peer lost on its way from here is sent again from here, what was lost on its way
 * to here is asked for from here. media_relay/core/repair.py says why.
 */
#ifndef CORDBOARD_REPAIR_H
#define CORDBOARD_REPAIR_H

#include "forward.h"
#include "losses.h"
#include "send_buffer.h"

struct repair {
    struct losses losses; /* of what the browser sends */
    struct send_buffer to_browser, to_sip;
};

/* Valid RTCP in the clear. What is answered here is taken out, and so are wishes for pictures: of which streams, as bits,
 * or of this one. Returns the length of what is to go on. */
size_t repair_from_browser(struct forwarding *forwarding, struct session *session, uint8_t *packet, size_t length,
                           uint32_t *pictures);
size_t repair_from_sip(struct forwarding *forwarding, struct session *session, struct stream *stream, uint8_t *packet,
                       size_t length, bool *wants_picture);

/* Media that was authenticated, or is sent as it is here. Streams that are not repaired are passed over. */
void repair_received(struct forwarding *forwarding, struct session *session, struct stream *stream,
                     const struct rtp_header *header);
void repair_sent_to_browser(struct stream *stream, const struct rtp_header *header, const uint8_t *packet,
                            size_t length);
void repair_sent_to_sip(struct stream *stream, const struct rtp_header *header, const uint8_t *packet, size_t length);

#endif
