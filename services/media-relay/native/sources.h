/* The sessions by the paths of their browsers: one look-up for each packet on the browser socket. */
#ifndef CORDBOARD_SOURCES_H
#define CORDBOARD_SOURCES_H

#include "address.h"
#include "session.h"

struct source_map {
    struct source_entry {
        struct path source;
        struct session *session; /* NULL: free */
    } *entries;
    uint32_t count, room; /* a power of two, at most a quarter full */
};

/* Begins to load what sources_find will read. */
void sources_prefetch(const struct source_map *map, const struct path *source);
struct session *sources_find(const struct source_map *map, const struct path *source);
/* Another session's address becomes this one's. False without memory. */
bool sources_add(struct source_map *map, const struct path *source, struct session *session);
/* Unless another session has the address by now. */
void sources_remove(struct source_map *map, const struct path *source, struct session *session);
void sources_remove_all(struct source_map *map, const struct session *session);

#endif
