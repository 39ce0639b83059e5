/* Which packets of a video stream are missing, and when to ask for them. */
#include "losses.h"

#include <string.h>

static void add(struct losses *losses, uint16_t number)
{
    if (losses->count == MOST_MISSING) {
        losses->count--;
        memmove(losses->of, losses->of + 1, losses->count * sizeof *losses->of);
    }
    losses->of[losses->count++] = (struct missing){number, 0, 0};
}

static void advance(struct losses *losses, uint16_t step)
{
    if (step > MOST_MISSING)
        losses->count = 0;
    for (uint16_t skipped = 1; step <= MOST_MISSING && skipped < step; skipped++)
        add(losses, (uint16_t)(losses->highest + skipped));
    losses->highest = (uint16_t)(losses->highest + step);
}

static bool is_settled(const struct missing *missing, uint16_t received)
{
    return missing->number == received || missing->times == MOST_TIMES;
}

uint32_t losses_receive(struct losses *losses, uint32_t ssrc, uint16_t sequence_number, double now,
                        uint16_t due[MOST_MISSING])
{
    if (!losses->has_begun || losses->ssrc != ssrc)
        *losses = (struct losses){.has_begun = true, .ssrc = ssrc, .highest = sequence_number};
    uint16_t step = (uint16_t)(sequence_number - losses->highest);
    if (step > 0 && step < 0x8000)
        advance(losses, step);
    uint32_t kept = 0, asked = 0;
    for (uint32_t i = 0; i < losses->count; i++) {
        struct missing missing = losses->of[i];
        if (is_settled(&missing, sequence_number))
            continue;
        if (!missing.times || now - missing.asked_at >= RETRY_SECONDS) {
            missing.times++;
            missing.asked_at = now;
            due[asked++] = missing.number;
        }
        losses->of[kept++] = missing;
    }
    losses->count = kept;
    return asked;
}
