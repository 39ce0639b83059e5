/* The sessions by the paths of their browsers: open addressing with linear probing. */
#include "sources.h"

#include <stdlib.h>
#include <string.h>

static uint32_t slot_of(const struct source_map *map, const struct path *source)
{
    uint32_t at = address_hash(&source->address) & (map->room - 1);
    while (map->entries[at].session && !path_equal(&map->entries[at].source, source))
        at = (at + 1) & (map->room - 1);
    return at;
}

void sources_prefetch(const struct source_map *map, const struct path *source)
{
    if (map->room)
        __builtin_prefetch(&map->entries[address_hash(&source->address) & (map->room - 1)]);
}

struct session *sources_find(const struct source_map *map, const struct path *source)
{
    return map->room ? map->entries[slot_of(map, source)].session : NULL;
}

static bool make_room(struct source_map *map)
{
    if (map->room && 4 * (map->count + 1) <= map->room)
        return true;
    struct source_map larger = {.room = map->room ? 2 * map->room : 64, .count = map->count};
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (!larger.entries)
        return false;
    for (uint32_t i = 0; i < map->room; i++)
        if (map->entries[i].session)
            larger.entries[slot_of(&larger, &map->entries[i].source)] = map->entries[i];
    free(map->entries);
    *map = larger;
    return true;
}

static bool remember(struct session *session, const struct path *source)
{
    for (uint32_t i = 0; i < session->source_count; i++)
        if (path_equal(&session->sources[i], source))
            return true;
    if (session->source_count == session->source_room) {
        uint32_t room = session->source_room ? 2 * session->source_room : 2;
        struct path *larger = realloc(session->sources, room * sizeof *larger);
        if (!larger)
            return false;
        session->sources = larger;
        session->source_room = room;
    }
    session->sources[session->source_count++] = *source;
    return true;
}

bool sources_add(struct source_map *map, const struct path *source, struct session *session)
{
    if (!make_room(map) || !remember(session, source))
        return false;
    struct source_entry *entry = &map->entries[slot_of(map, source)];
    if (!entry->session)
        map->count++;
    *entry = (struct source_entry){*source, session};
    return true;
}

/* What stood behind a freed place because of it moves up, so that no search ends too early. */
static void free_entry(struct source_map *map, uint32_t at)
{
    uint32_t mask = map->room - 1;
    map->entries[at].session = NULL;
    map->count--;
    for (uint32_t next = (at + 1) & mask; map->entries[next].session; next = (next + 1) & mask) {
        uint32_t home = address_hash(&map->entries[next].source.address) & mask;
        if (((next - home) & mask) < ((next - at) & mask))
            continue;
        map->entries[at] = map->entries[next];
        map->entries[next].session = NULL;
        at = next;
    }
}

static void remove_entry(struct source_map *map, const struct path *source, const struct session *session)
{
    if (!map->room)
        return;
    uint32_t at = slot_of(map, source);
    if (map->entries[at].session == session)
        free_entry(map, at);
}

void sources_remove(struct source_map *map, const struct path *source, struct session *session)
{
    remove_entry(map, source, session);
    for (uint32_t i = 0; i < session->source_count; i++)
        if (path_equal(&session->sources[i], source)) {
            session->sources[i] = session->sources[--session->source_count];
            return;
        }
}

void sources_remove_all(struct source_map *map, const struct session *session)
{
    for (uint32_t i = 0; i < session->source_count; i++)
        remove_entry(map, &session->sources[i], session);
}
