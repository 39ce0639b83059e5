/* What the packet path hands up to Python: a ring of bytes with one writer and one reader, neither of which waits.
 *
 * The reader sleeps on an eventfd. It says that it will (arms it) when it found the ring empty, so the writer makes one
 * system call for a burst and none while the reader is at work. A full ring drops: STUN and DTLS come again.
 */
#ifndef CORDBOARD_RING_H
#define CORDBOARD_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "packet.h"

#define NO_SESSION UINT64_MAX

struct ring_entry {
    uint32_t length; /* of the bytes that follow */
    uint32_t kind;   /* enum datagram_kind: STUN, DTLS or an event */
    uint64_t session;
    struct path source;
    uint32_t stream; /* of a telephone-event */
};

struct ring {
    uint8_t *bytes;
    int event;
    _Atomic size_t written, read; /* they only grow; the place is modulo the size */
    _Atomic bool is_armed;
};

bool ring_open(struct ring *ring);
void ring_close(struct ring *ring);

bool ring_put(struct ring *ring, const struct ring_entry *entry, const uint8_t *bytes);

/* The reader's: the next entry and its bytes, which stay until ring_drop, or NULL. */
const struct ring_entry *ring_peek(struct ring *ring, const uint8_t **bytes);
void ring_drop(struct ring *ring, const struct ring_entry *entry);
/* Says that the reader will sleep; false: there is something, do not. */
bool ring_arm(struct ring *ring);

#endif
