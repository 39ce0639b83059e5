/* How much is taken of what others may send too much of: a token bucket. */
#ifndef CORDBOARD_ALLOWANCE_H
#define CORDBOARD_ALLOWANCE_H

#include <stdbool.h>

struct allowance {
    double tokens, filled_at;
};

/* Whether one more is taken of what comes so often, and so much at once. */
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
