/* A bound on a rate: tokens, one a datagram, that come back with time. media_relay/core/allowance.py is the twin. */
#ifndef CORDBOARD_ALLOWANCE_H
#define CORDBOARD_ALLOWANCE_H

#include <stdbool.h>

struct allowance {
    double tokens, filled_at;
};

/* Whether there is one left; `burst` are there after a pause. */
static inline bool allowance_take(struct allowance *allowance, double per_second, double burst, double now)
{
    allowance->tokens += (now - allowance->filled_at) * per_second;
    allowance->filled_at = now;
    if (allowance->tokens > burst)
        allowance->tokens = burst;
    if (allowance->tokens < 1)
        return false;
    allowance->tokens -= 1;
    return true;
}

#endif
