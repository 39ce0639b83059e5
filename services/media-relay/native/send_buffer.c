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
    *place_of(buffer, sequence_number) = (struct buffered){
        .at = buffer->written, .ssrc = ssrc, .sequence_number = sequence_number, .length = (uint16_t)length};
    memcpy(buffer->bytes + buffer->written % BUFFERED_BYTES, packet, length);
    buffer->written += length;
}

static uint32_t milliseconds(double now)
{
    return (uint32_t)(uint64_t)(now * 1000);
}

static bool may_resend(struct send_buffer *buffer, const struct buffered *packet, double now)
{
    if (packet->resent == MOST_RESENT)
        return false;
    if (packet->resent && milliseconds(now) - packet->resent_at < RESEND_PAUSE_MS)
        return false;
    return allowance_take(&buffer->allowance, RESENT_PER_SECOND, RESENT_AT_ONCE, now);
}

enum found send_buffer_find(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number, double now,
                            const uint8_t **packet, size_t *length)
{
    struct buffered *found = place_of(buffer, sequence_number);
    if (!found->length || found->ssrc != ssrc || found->sequence_number != sequence_number ||
        buffer->written - found->at > BUFFERED_BYTES) /* written over */
        return NOT_BUFFERED;
    if (!may_resend(buffer, found, now))
        return RESENT_ENOUGH;
    found->resent++;
    found->resent_at = milliseconds(now);
    *packet = buffer->bytes + found->at % BUFFERED_BYTES;
    *length = found->length;
    return BUFFERED;
}

void send_buffer_clear(struct send_buffer *buffer)
{
    memset(buffer->packets, 0, sizeof buffer->packets);
}
