/* Telephone-events (RFC 4733): handed up to Python, which knows what they mean, and sent in the place of media. */
#ifndef CORDBOARD_EVENT_H
#define CORDBOARD_EVENT_H

#include "forward.h"

void hand_up_event(struct forwarding *forwarding, struct session *session, uint32_t stream, enum side side,
                   const uint8_t *packet, size_t length);

/* Whether one takes the place of the browser's media. */
void set_event(struct forwarding *forwarding, struct session *session, uint32_t stream, bool begins);
/* The payload has at most MOST_EVENT_PAYLOAD bytes. */
void send_event(struct forwarding *forwarding, struct session *session, uint32_t stream, const uint8_t *payload,
                size_t length, bool marker, uint32_t later);

#endif
