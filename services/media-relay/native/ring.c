/* What the packet path hands up to Python. */
#include "ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_SIZE ((size_t)1 << 20)
#define PAD UINT32_MAX /* as a length: nothing more before the end of the ring */

static size_t rounded(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

bool ring_open(struct ring *ring)
{
    ring->bytes = aligned_alloc(64, RING_SIZE);
    ring->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    atomic_init(&ring->is_armed, true);
    return ring->bytes && ring->event >= 0;
}

void ring_close(struct ring *ring)
{
    free(ring->bytes);
    if (ring->event >= 0)
        close(ring->event);
}

bool ring_put(struct ring *ring, const struct ring_entry *entry, const uint8_t *bytes)
{
    size_t needed = rounded(sizeof *entry + entry->length);
    size_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    size_t free_space = RING_SIZE - (written - atomic_load_explicit(&ring->read, memory_order_acquire));
    size_t at = written % RING_SIZE, to_end = RING_SIZE - at;
    size_t padding = to_end < needed ? to_end : 0;
    if (padding + needed > free_space)
        return false;
    if (padding) {
        uint32_t pad = PAD;
        memcpy(ring->bytes + at, &pad, sizeof pad);
        at = 0;
    }
    memcpy(ring->bytes + at, entry, sizeof *entry);
    memcpy(ring->bytes + at + sizeof *entry, bytes, entry->length);
    /* Sequentially consistent, against the reader's arming: one of the two sees the other's store. */
    atomic_store(&ring->written, written + padding + needed);
    if (atomic_exchange(&ring->is_armed, false)) {
        uint64_t one = 1;
        ssize_t done = write(ring->event, &one, sizeof one);
        (void)done; /* it fails only if it is set already */
    }
    return true;
}

const struct ring_entry *ring_peek(struct ring *ring, const uint8_t **bytes)
{
    for (;;) {
        size_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
        if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
            return NULL;
        size_t at = read % RING_SIZE;
        const struct ring_entry *entry = (const struct ring_entry *)(const void *)(ring->bytes + at);
        if (entry->length != PAD) {
            *bytes = ring->bytes + at + sizeof *entry;
            return entry;
        }
        atomic_store_explicit(&ring->read, read + RING_SIZE - at, memory_order_release);
    }
}

void ring_drop(struct ring *ring, const struct ring_entry *entry)
{
    size_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    atomic_store_explicit(&ring->read, read + rounded(sizeof *entry + entry->length), memory_order_release);
}

bool ring_arm(struct ring *ring)
{
    uint64_t events;
    ssize_t done = read(ring->event, &events, sizeof events);
    (void)done; /* it fails only if it is not set */
    atomic_store(&ring->is_armed, true);
    if (atomic_load(&ring->written) == atomic_load(&ring->read))
        return true;
    /* Whoever takes the arming back: if it is the writer, the eventfd is set and the reader wakes at once. */
    return !atomic_exchange(&ring->is_armed, false);
}
