/* What was sent last of a video stream, to be sent again: media_relay/core/send_buffer.py says why and how much. */
#ifndef CORDBOARD_SEND_BUFFER_H
#define CORDBOARD_SEND_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#define BUFFERED_PACKETS 512 /* a power of two */
#define BUFFERED_BYTES (256 * 1024)
#define MOST_RESENT 10

/* A ring of bytes, over which the newest packets are written, and where they stand in it, by sequence number. */
struct send_buffer {
    uint64_t written; /* it only grows; the place is modulo the size */
    struct buffered {
        uint64_t at;
        uint32_t ssrc;
        uint16_t sequence_number, length; /* 0: none */
        uint32_t resent;
    } packets[BUFFERED_PACKETS];
    uint8_t bytes[BUFFERED_BYTES];
};

void send_buffer_keep(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number, const uint8_t *packet,
                      size_t length);

enum found { NOT_BUFFERED, BUFFERED, RESENT_ENOUGH };

/* Finds a packet that is to be sent again. */
enum found send_buffer_find(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number,
                            const uint8_t **packet, size_t *length);
void send_buffer_clear(struct send_buffer *buffer);

#endif
