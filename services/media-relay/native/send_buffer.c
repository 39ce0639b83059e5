/* What was sent last of a video stream, to be sent again. */
#include "send_buffer.h"

#include <string.h>

static struct buffered *place_of(struct send_buffer *buffer, uint16_t sequence_number)
{
    return &buffer->packets[sequence_number & (BUFFERED_PACKETS - 1)];
}

void send_buffer_keep(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number, const uint8_t *packet,
                      size_t length)
{
    if (length > UINT16_MAX)
        return;
    size_t place = buffer->written % BUFFERED_BYTES;
    if (place + length > BUFFERED_BYTES) /* in one piece */
        buffer->written += BUFFERED_BYTES - place;
    *place_of(buffer, sequence_number) = (struct buffered){buffer->written, ssrc, sequence_number, (uint16_t)length, 0};
    memcpy(buffer->bytes + buffer->written % BUFFERED_BYTES, packet, length);
    buffer->written += length;
}

enum found send_buffer_find(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number,
                            const uint8_t **packet, size_t *length)
{
    struct buffered *found = place_of(buffer, sequence_number);
    if (!found->length || found->ssrc != ssrc || found->sequence_number != sequence_number ||
        buffer->written - found->at > BUFFERED_BYTES) /* written over */
        return NOT_BUFFERED;
    if (found->resent == MOST_RESENT)
        return RESENT_ENOUGH;
    found->resent++;
    *packet = buffer->bytes + found->at % BUFFERED_BYTES;
    *length = found->length;
    return BUFFERED;
}

void send_buffer_clear(struct send_buffer *buffer)
{
    memset(buffer->packets, 0, sizeof buffer->packets);
}
