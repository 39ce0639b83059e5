/* What is remembered of each SSRC: packet indexes and which have been. */
#include "srtp_index.h"

uint64_t srtp_guess_index(uint64_t highest, uint16_t sequence_number)
{
    uint64_t rollovers = highest >> 16;
    uint16_t last = (uint16_t)highest;
    if (last < 0x8000) {
        if (sequence_number - last > 0x8000 && rollovers)
            rollovers--;
    } else if (last - 0x8000 > sequence_number) {
        rollovers++;
    }
    return rollovers << 16 | sequence_number;
}

static uint64_t bit(uint64_t index)
{
    return UINT64_C(1) << (index & 63);
}

bool srtp_window_may_take(const uint64_t *window, unsigned size, uint64_t highest, uint64_t index)
{
    if (index > highest)
        return true;
    if (highest - index >= size)
        return false;
    return !(window[(index & (size - 1)) / 64] & bit(index));
}

void srtp_window_take(uint64_t *window, unsigned size, uint64_t *highest, uint64_t index)
{
    if (index > *highest) {
        uint64_t steps = index - *highest < size ? index - *highest : size;
        for (uint64_t passed = index - steps + 1; passed < index; passed++)
            window[(passed & (size - 1)) / 64] &= ~bit(passed);
        *highest = index;
    }
    window[(index & (size - 1)) / 64] |= bit(index);
}

struct srtp_received *srtp_find_received(struct srtp_received *all, size_t count, size_t *last, uint32_t ssrc)
{
    if (*last < count && all[*last].ssrc == ssrc)
        return &all[*last];
    for (size_t i = 0; i < count; i++)
        if (all[i].ssrc == ssrc) {
            *last = i;
            return &all[i];
        }
    return NULL;
}

struct srtp_sent *srtp_find_sent(struct srtp_sent *all, size_t count, size_t *last, uint32_t ssrc)
{
    if (*last < count && all[*last].ssrc == ssrc)
        return &all[*last];
    for (size_t i = 0; i < count; i++)
        if (all[i].ssrc == ssrc) {
            *last = i;
            return &all[i];
        }
    return NULL;
}
