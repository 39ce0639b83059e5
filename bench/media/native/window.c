/* Counting of one window. */
#include "window.h"

#include <stdlib.h>

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        perror("calloc");
        exit(1);
    }
    return memory;
}

void window_open(struct window *window, const struct tape *tape)
{
    size_t packets = (size_t)tape->header->calls * tape->header->packets;
    *window = (struct window){0};
    for (int side = 0; side < SIDES; side++) {
        window->sent_at[side] = allocate(packets, sizeof *window->sent_at[side]);
        window->latencies[side] = allocate(packets, sizeof *window->latencies[side]);
    }
}

void window_sent(struct window *window, const struct tape *tape, int side, uint32_t call, uint32_t packet, int64_t now)
{
    window->sent_at[side][(size_t)packet * tape->header->calls + call] = now;
}

/* The first of them is shown: it is for a person to find out why. */
static void refuse(struct window *window, int side, const uint8_t *datagram, size_t length)
{
    if (window->wrong++)
        return;
    fprintf(stderr, "wrong at the %s, %zu bytes:", side == BROWSER ? "browser" : "phone", length);
    for (size_t i = 0; i < length && i < 32; i++)
        fprintf(stderr, " %02x", datagram[i]);
    fputc('\n', stderr);
}

void window_came(struct window *window, const struct tape *tape, int side, const uint8_t *datagram, size_t length,
                 int64_t now, const int64_t measured[2])
{
    uint32_t call = 0, packet = 0;
    switch (tape_check(tape, side, datagram, length, &call, &packet)) {
    case RIGHT_AND_CHECKED:
        window->checked++;
        break;
    case RIGHT_LENGTH:
        break;
    case STRAY:
        window->stray++;
        return;
    case WRONG:
        refuse(window, side, datagram, length);
        return;
    }
    int64_t *sent_at = &window->sent_at[side == BROWSER ? PHONE : BROWSER][(size_t)packet * tape->header->calls + call];
    if (*sent_at == 0) { /* nobody has sent it yet */
        refuse(window, side, datagram, length);
        return;
    }
    if (*sent_at < 0) {
        window->repeated++;
        return;
    }
    window->relayed += now >= measured[0] && now < measured[1];
    if (*sent_at >= measured[0] && *sent_at < measured[1]) {
        window->came[side]++;
        window->latencies[side][window->latency_count[side]++] = (float)(now - *sent_at) / 1e6f;
    }
    *sent_at = -*sent_at;
}

static int by_size(const void *left, const void *right)
{
    float difference = *(const float *)left - *(const float *)right;
    return (difference > 0) - (difference < 0);
}

static float percentile(const struct window *window, int side, double share)
{
    uint64_t count = window->latency_count[side];
    return count ? window->latencies[side][(uint64_t)((double)(count - 1) * share)] : 0;
}

void window_print(const struct window *window, FILE *out)
{
    for (int side = 0; side < SIDES; side++)
        qsort(window->latencies[side], window->latency_count[side], sizeof(float), by_size);
    fprintf(out, "{\"sent\": [%lu, %lu], \"came\": [%lu, %lu]", window->sent[PHONE], window->sent[BROWSER],
            window->came[BROWSER], window->came[PHONE]);
    fprintf(out, ", \"p50_ms\": [%.4f, %.4f]", percentile(window, BROWSER, 0.5), percentile(window, PHONE, 0.5));
    fprintf(out, ", \"p99_ms\": [%.4f, %.4f]", percentile(window, BROWSER, 0.99), percentile(window, PHONE, 0.99));
    fprintf(out, ", \"checked\": %lu, \"wrong\": %lu, \"stray\": %lu, \"repeated\": %lu", window->checked,
            window->wrong, window->stray, window->repeated);
    fprintf(out, ", \"relayed\": %lu, \"cpu_seconds\": %.6f, \"seconds\": %.6f", window->relayed, window->cpu_seconds,
            window->seconds);
    fprintf(out, ", \"busy\": %.4f, \"late_ms\": %.3f}\n", (double)window->busy / 1e9 / window->seconds,
            (double)window->most_late / 1e6);
}
