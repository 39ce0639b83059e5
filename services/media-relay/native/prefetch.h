/* Loading memory before it is used.
 *
 * Hundreds of sessions do not fit into the caches near the core, and each packet is of another one: what one packet
 * needs is loaded while the packets before it are handled.
 */
#ifndef CORDBOARD_PREFETCH_H
#define CORDBOARD_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE 64

/* Any address will do, also none. */
static inline void prefetch(const void *from, size_t length)
{
    for (size_t at = 0; at < length; at += CACHE_LINE)
        __builtin_prefetch((const char *)from + at);
}

#endif
