/* Telephone-events (RFC 4733): handed up to Python, which knows what they mean, and sent in the place of media. */
#ifndef CORDBOARD_EVENT_H
#define CORDBOARD_EVENT_H

#include "forward.h"

void hand_up_event(struct forwarding *forwarding, struct session *session, uint32_t stream, enum side side,
                   const uint8_t *packet, size_t length);

/* Whether one, or media of ours, takes the place of the browser's. */
void set_event(struct forwarding *forwarding, struct session *session, uint32_t stream, bool begins);
/* Of media of ours, as the SIP side numbers it, or with NO_PAYLOAD_TYPE of an event. The payload has at most
 * MOST_OWN_PAYLOAD bytes. */
void send_own(struct forwarding *forwarding, struct session *session, uint32_t stream, uint8_t payload_type,
              const uint8_t *payload, size_t length, bool marker, uint32_t later);

#endif
