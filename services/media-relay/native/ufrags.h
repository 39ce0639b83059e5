/* The sessions by the ICE fragments that checks name them by: who knows none of them costs nobody else anything. */
#ifndef CORDBOARD_UFRAGS_H
#define CORDBOARD_UFRAGS_H

#include "session.h"

struct ufrag_map {
    struct ufrag_entry {
        uint8_t ufrag[UFRAG];
        struct session *session; /* NULL: free */
    } *entries;
    uint32_t count, room; /* a power of two, at most half full */
};

struct session *ufrags_find(const struct ufrag_map *map, const uint8_t ufrag[UFRAG]);
/* The session goes by these from now on, and by no others. False without memory: then by none. */
bool ufrags_set(struct ufrag_map *map, struct session *session, uint8_t (*ufrags)[UFRAG], size_t count);

#endif
