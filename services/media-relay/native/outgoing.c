/* The RTP source that the SIP side hears of a stream. */
#include "outgoing.h"

/* So long after an event, packets of the browser are recognised as older than it. Numbers come round later than that. */
#define REMEMBERED 0x1000
#define HALF 0x8000

static void begin_source(struct outgoing_source *source, const struct rtp_header *header)
{
    source->was_heard = true;
    source->is_after_event = source->has_oldest = false;
    source->ssrc = header->ssrc;
    source->offset = 0;
    source->sequence_number = header->sequence_number;
}

bool outgoing_admit(struct outgoing_source *source, uint8_t *packet, const struct rtp_header *header, double now)
{
    if (source->is_in_event)
        return false;
    if (!source->was_heard || source->ssrc != header->ssrc)
        begin_source(source, header);
    if (source->is_after_event) {
        source->is_after_event = false;
        source->has_oldest = true;
        source->oldest = header->sequence_number;
        source->offset = (uint16_t)(source->sequence_number + 1 - header->sequence_number);
    }
    if (source->has_oldest) {
        uint16_t ahead = (uint16_t)(header->sequence_number - source->oldest);
        if (ahead >= HALF)
            return false; /* its number would be one that the event has had */
        source->has_oldest = ahead <= REMEMBERED;
    }
    uint16_t number = (uint16_t)(header->sequence_number + source->offset);
    if ((uint16_t)(number - source->sequence_number) < HALF) {
        source->sequence_number = number;
        source->timestamp = header->timestamp;
        source->at = now;
    }
    write_16(packet + 2, number);
    return true;
}

void outgoing_begin_event(struct outgoing_source *source, uint32_t clock_rate, double now)
{
    source->timestamp += (uint32_t)(uint64_t)((now - source->at) * clock_rate);
    source->at = now;
    source->is_in_event = true;
}

void outgoing_event_header(struct outgoing_source *source, uint8_t packet[RTP_FIXED_HEADER], uint8_t payload_type,
                           bool marker, uint32_t later)
{
    packet[0] = 0x80;
    packet[1] = (uint8_t)(payload_type | (marker ? 0x80 : 0));
    write_16(packet + 2, ++source->sequence_number);
    write_32(packet + 4, source->timestamp + later);
    write_32(packet + 8, source->was_heard ? source->ssrc : OWN_SSRC);
}

void outgoing_end_event(struct outgoing_source *source)
{
    source->is_in_event = false;
    source->is_after_event = true;
}
