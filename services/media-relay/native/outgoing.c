/* The RTP source that the SIP side hears of a stream. */
#include "outgoing.h"

/* So long after an event, packets of the browser are recognised as older than it. Numbers come round later than that. */
#define REMEMBERED 0x1000
#define HALF 0x8000

/* A source that comes again goes on with the offset that it had. What it has sent meanwhile, if anything, went elsewhere. */
static void resume(struct numbering *numbers, uint16_t sequence_number)
{
    uint16_t number = (uint16_t)(sequence_number + numbers->offset);
    uint16_t ahead = (uint16_t)(number - numbers->sequence_number);
    if (numbers->is_after_event || ahead <= REMEMBERED || ahead >= 0x10000 - REMEMBERED)
        return;
    numbers->sequence_number = number;
    numbers->has_oldest = false;
}

static void change_source(struct outgoing_source *source, const struct rtp_header *header)
{
    struct numbering former = source->former;
    if (source->current.was_heard)
        source->former = source->current;
    source->current = (struct numbering){
        .was_heard = true, .ssrc = header->ssrc, .sequence_number = header->sequence_number};
    if (former.was_heard && former.ssrc == header->ssrc) {
        resume(&former, header->sequence_number);
        source->current = former;
    }
}

bool outgoing_admit(struct outgoing_source *source, uint8_t *packet, const struct rtp_header *header, double now)
{
    struct numbering *numbers = &source->current;
    if (source->is_in_event)
        return false;
    if (!numbers->was_heard || numbers->ssrc != header->ssrc)
        change_source(source, header);
    if (numbers->is_after_event) {
        numbers->is_after_event = false;
        numbers->has_oldest = true;
        numbers->oldest = header->sequence_number;
        numbers->offset = (uint16_t)(numbers->sequence_number + 1 - header->sequence_number);
    }
    if (numbers->has_oldest) {
        uint16_t ahead = (uint16_t)(header->sequence_number - numbers->oldest);
        if (ahead >= HALF)
            return false; /* its number would be one that the event has had */
        numbers->has_oldest = ahead <= REMEMBERED;
    }
    uint16_t number = (uint16_t)(header->sequence_number + numbers->offset);
    if ((uint16_t)(number - numbers->sequence_number) < HALF) {
        numbers->sequence_number = number;
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
    write_16(packet + 2, ++source->current.sequence_number);
    write_32(packet + 4, source->timestamp + later);
    write_32(packet + 8, source->current.was_heard ? source->current.ssrc : OWN_SSRC);
}

void outgoing_end_event(struct outgoing_source *source)
{
    source->is_in_event = false;
    source->current.is_after_event = true;
}
