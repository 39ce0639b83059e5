/* Open addressing with linear probing. The keys are our own random ones, so nobody can make them collide. */
#include "ufrags.h"

#include <stdlib.h>
#include <string.h>

static uint32_t home_of(const struct ufrag_map *map, const uint8_t ufrag[UFRAG])
{
    uint64_t key;
    memcpy(&key, ufrag, sizeof key);
    return (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (map->room - 1); /* hexadecimal digits, spread */
}

static uint32_t slot_of(const struct ufrag_map *map, const uint8_t ufrag[UFRAG])
{
    uint32_t at = home_of(map, ufrag);
    while (map->entries[at].session && memcmp(map->entries[at].ufrag, ufrag, UFRAG) != 0)
        at = (at + 1) & (map->room - 1);
    return at;
}

struct session *ufrags_find(const struct ufrag_map *map, const uint8_t ufrag[UFRAG])
{
    return map->room ? map->entries[slot_of(map, ufrag)].session : NULL;
}

static bool make_room(struct ufrag_map *map)
{
    if (map->room && 2 * (map->count + 1) <= map->room)
        return true;
    struct ufrag_map larger = {.room = map->room ? 2 * map->room : 64, .count = map->count};
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (!larger.entries)
        return false;
    for (uint32_t i = 0; i < map->room; i++)
        if (map->entries[i].session)
            larger.entries[slot_of(&larger, map->entries[i].ufrag)] = map->entries[i];
    free(map->entries);
    *map = larger;
    return true;
}

/* What stood behind a freed place because of it moves up, so that no search ends too early. */
static void remove_entry(struct ufrag_map *map, const uint8_t ufrag[UFRAG])
{
    uint32_t mask = map->room - 1, at = slot_of(map, ufrag);
    map->entries[at].session = NULL;
    map->count--;
    for (uint32_t next = (at + 1) & mask; map->entries[next].session; next = (next + 1) & mask) {
        uint32_t home = home_of(map, map->entries[next].ufrag);
        if (((next - home) & mask) < ((next - at) & mask))
            continue;
        map->entries[at] = map->entries[next];
        map->entries[next].session = NULL;
        at = next;
    }
}

bool ufrags_set(struct ufrag_map *map, struct session *session, uint8_t (*ufrags)[UFRAG], size_t count)
{
    while (session->ufrag_count)
        remove_entry(map, session->ufrags[--session->ufrag_count]);
    for (size_t i = 0; i < count && session->ufrag_count < MOST_UFRAGS; i++) {
        if (!make_room(map))
            return false;
        struct ufrag_entry *entry = &map->entries[slot_of(map, ufrags[i])];
        if (entry->session)
            continue; /* another session's, by a chance of one in 2^32: whoever had it first is found */
        memcpy(entry->ufrag, ufrags[i], UFRAG);
        entry->session = session;
        map->count++;
        memcpy(session->ufrags[session->ufrag_count++], ufrags[i], UFRAG);
    }
    return true;
}
