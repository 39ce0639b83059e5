/* The RTP source that the SIP side hears of a stream: the browser's packets, and telephone-events of ours in their
 * place, in one numbering (RFC 4733 2.1). The rules of media_relay/core/outgoing.py.
 */
#ifndef CORDBOARD_OUTGOING_H
#define CORDBOARD_OUTGOING_H

#include "packet.h"

#define OWN_SSRC 1 /* whom our own RTCP is from; browsers that only receive call themselves so */
#define MOST_OWN_PAYLOAD 1300 /* of an event, or of media of ours */

struct numbering {
    bool was_heard, is_after_event, has_oldest;
    uint32_t ssrc;            /* the browser's */
    uint16_t sequence_number; /* of the newest packet that went out */
    uint16_t offset;          /* from the browser's numbers to ours */
    uint16_t oldest;          /* number of the browser's that may still go out */
};

struct outgoing_source {
    struct numbering current;
    struct numbering former; /* of the source before: it may come again, and no number may then be there twice */
    bool is_in_event;
    uint32_t timestamp; /* of the newest packet, and when it went out */
    double at;
};

/* Gives the browser's packet its number; false: it does not go out. */
bool outgoing_admit(struct outgoing_source *source, uint8_t *packet, const struct rtp_header *header, double now);
/* The event's timestamp is where the media would be now. */
void outgoing_begin_event(struct outgoing_source *source, uint32_t clock_rate, double now);
/* Writes the header of the event's next packet, in a segment that is so much later (RFC 4733 2.5.1.3). */
void outgoing_event_header(struct outgoing_source *source, uint8_t packet[RTP_FIXED_HEADER], uint8_t payload_type,
                           bool marker, uint32_t later);
void outgoing_end_event(struct outgoing_source *source);

#endif
