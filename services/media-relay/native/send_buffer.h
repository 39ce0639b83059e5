/* What was sent last of a video stream, to be sent again: media_relay/core/send_buffer.py says why and how much. */
#ifndef CORDBOARD_SEND_BUFFER_H
#define CORDBOARD_SEND_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "allowance.h"

#define BUFFERED_PACKETS 512 /* a power of two */
#define BUFFERED_BYTES (256 * 1024)
#define MOST_RESENT 10
#define RESEND_PAUSE_MS 20 /* of one packet */
#define RESENT_AT_ONCE 256 /* packets */
#define RESENT_PER_SECOND 500

/* A ring of bytes, over which the newest packets are written, and where they stand in it, by sequence number. */
struct send_buffer {
    uint64_t written; /* it only grows; the place is modulo the size */
    struct allowance allowance;
    struct buffered {
        uint64_t at;
        uint32_t ssrc;
        uint16_t sequence_number, length; /* 0: none */
        uint16_t resent;
        uint32_t resent_at; /* ms, modulo 2^32 */
    } packets[BUFFERED_PACKETS];
    uint8_t bytes[BUFFERED_BYTES];
};

void send_buffer_keep(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number, const uint8_t *packet,
                      size_t length);

/* RESENT_ENOUGH: it is there, but not to be sent now: too often, a moment ago, or with too many others. */
enum found { NOT_BUFFERED, BUFFERED, RESENT_ENOUGH };

/* Finds a packet that is to be sent again, and takes it for sent. */
enum found send_buffer_find(struct send_buffer *buffer, uint32_t ssrc, uint16_t sequence_number, double now,
                            const uint8_t **packet, size_t *length);
void send_buffer_clear(struct send_buffer *buffer);

#endif
