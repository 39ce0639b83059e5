/* What one window of load showed. */
#ifndef CORDBOARD_BENCH_WINDOW_H
#define CORDBOARD_BENCH_WINDOW_H

#include <stdbool.h>
#include <stdio.h>

#include "tape.h"

struct window {
    int64_t *sent_at[SIDES]; /* by side that sent, packet and call; 0: not yet; negative: it came */
    float *latencies[SIDES]; /* milliseconds, by side that received */
    uint64_t sent[SIDES], came[SIDES], latency_count[SIDES]; /* of what was sent in the measured time */
    uint64_t relayed;        /* what came in the measured time */
    uint64_t checked, wrong, stray, repeated;
    int64_t busy, most_late; /* nanoseconds */
    double cpu_seconds, seconds;
};

/* Ends the program without memory. */
void window_open(struct window *window, const struct tape *tape);
/* `counts`: in the measured time. */
void window_sent(struct window *window, const struct tape *tape, int side, uint32_t call, uint32_t packet, int64_t now);
/* Takes what came to a side. `from` and `until`: of the measured time. */
void window_came(struct window *window, const struct tape *tape, int side, const uint8_t *datagram, size_t length,
                 int64_t now, const int64_t measured[2]);
/* One line of JSON. */
void window_print(const struct window *window, FILE *out);

#endif
