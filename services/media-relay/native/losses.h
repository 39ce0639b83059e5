/* Which packets of a video stream are missing, and when to ask for them: media_relay/core/losses.py says why. */
#ifndef CORDBOARD_LOSSES_H
#define CORDBOARD_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#define MOST_MISSING 64
#define MOST_TIMES 10
#define RETRY_SECONDS 0.05

struct losses {
    bool has_begun;
    uint32_t ssrc;
    uint16_t highest;
    uint32_t count;
    struct missing {
        uint16_t number;
        uint32_t times;
        double asked_at;
    } of[MOST_MISSING];
};

/* Takes note of a packet; returns how many numbers there are to ask for now, oldest first. */
uint32_t losses_receive(struct losses *losses, uint32_t ssrc, uint16_t sequence_number, double now,
                        uint16_t due[MOST_MISSING]);

#endif
