/* The load: calls of G.711, 50 packets a second each way, SRTP on the browser's side and RTP on the phone's.
 *
 *     generator TAPE BROWSER_PORT PHONE_PORT WARM_UP SECONDS DRAIN PID
 *
 * Plays the tape at its pace, each packet at its own moment, and prints a line of JSON about the measured time, which is
 * `SECONDS` after `WARM_UP`. Relay CPU is the clock of process `PID`, all its threads, read at both ends of that time.
 * It never sleeps: to wake a sleeper costs the relay that sends to it, and no network card has to be woken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "side.h"
#include "tape.h"
#include "window.h"

#define PERIOD 20000000LL /* nanoseconds between the packets of a call */
#define STRIDE 7919u      /* prime: calls that follow each other in time do not in memory */

struct load {
    struct tape tape;
    struct side sides[SIDES];
    struct window window;
    clockid_t relay_clock;
    int64_t start, measured[2], end;
    uint64_t played; /* packets, of both sides */
};

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) < 0) {
        perror("the relay's clock");
        exit(1);
    }
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t due_at(const struct load *load)
{
    uint64_t in_period = 2ull * load->tape.header->calls;
    uint64_t period = load->played / in_period, position = load->played % in_period;
    return load->start + (int64_t)period * PERIOD + (int64_t)(position * (uint64_t)PERIOD / in_period);
}

/* Browsers and phones take turns; those of one call are half a period apart. */
static void play_one(struct load *load, int64_t now)
{
    const struct tape *tape = &load->tape;
    uint32_t calls = tape->header->calls;
    uint32_t packet = (uint32_t)(load->played / (2ull * calls)), position = (uint32_t)(load->played % (2ull * calls));
    int side = position % 2 ? PHONE : BROWSER;
    uint32_t turn = position / 2 + (side == PHONE ? calls / 2 : 0);
    uint32_t call = (uint32_t)((uint64_t)(turn % calls) * STRIDE % calls);
    const struct tape_call *of = &tape->calls[call];
    struct side *from = &load->sides[side];
    size_t length = PLAIN;
    if (side == PHONE) {
        tape_plain(tape, PHONE, call, packet, side_buffer(from));
    } else {
        length = tape->header->protected_length;
        __builtin_memcpy(side_buffer(from), tape_protected(tape, call, packet), length);
    }
    side_add(from, length, of->hosts[side], htonl(INADDR_LOOPBACK), of->relay_ports[side]);
    window_sent(&load->window, tape, side, call, packet, now);
    load->window.sent[side] += now >= load->measured[0] && now < load->measured[1];
    load->played++;
}

static unsigned play_due(struct load *load, int64_t now)
{
    const uint64_t all = 2ull * load->tape.header->calls * load->tape.header->packets;
    unsigned count = 0;
    while (load->played < all && now < load->measured[1]) {
        int64_t due = due_at(load);
        if (due > now)
            break;
        if (now - due > load->window.most_late && now >= load->measured[0])
            load->window.most_late = now - due;
        play_one(load, now);
        count++;
        if (load->sides[BROWSER].used == SIDE_BATCH || load->sides[PHONE].used == SIDE_BATCH)
            break;
    }
    for (int side = 0; side < SIDES; side++)
        side_flush(&load->sides[side]);
    return count;
}

static unsigned take(struct load *load, int side)
{
    struct side *to = &load->sides[side];
    unsigned came = side_receive(to);
    int64_t now = came ? nanoseconds(CLOCK_MONOTONIC) : 0;
    for (unsigned i = 0; i < came; i++)
        window_came(&load->window, &load->tape, side, to->in_buffers[i], to->in[i].msg_len, now, load->measured);
    return came;
}

static void run(struct load *load)
{
    int64_t now, cpu_before = 0, began = 0;
    enum { WARM_UP, MEASURED, DRAINED } stage = WARM_UP;
    while ((now = nanoseconds(CLOCK_MONOTONIC)) < load->end) {
        if (stage == WARM_UP && now >= load->measured[0]) {
            cpu_before = nanoseconds(load->relay_clock);
            began = now;
            stage = MEASURED;
        } else if (stage == MEASURED && now >= load->measured[1]) {
            load->window.cpu_seconds = (double)(nanoseconds(load->relay_clock) - cpu_before) / 1e9;
            load->window.seconds = (double)(now - began) / 1e9;
            stage = DRAINED;
        }
        unsigned moved = play_due(load, now);
        moved += take(load, BROWSER);
        moved += take(load, PHONE);
        if (moved && stage == MEASURED)
            load->window.busy += nanoseconds(CLOCK_MONOTONIC) - now;
    }
}

int main(int count, char **arguments)
{
    static struct load load;
    if (count != 8) {
        fprintf(stderr, "usage: generator TAPE BROWSER_PORT PHONE_PORT WARM_UP SECONDS DRAIN PID\n");
        return 64;
    }
    if (setpriority(PRIO_PROCESS, 0, -20) < 0)
        perror("the generator's priority stays"); /* its figures are then worse, not wrong */
    load.tape = tape_open(arguments[1]);
    side_open(&load.sides[BROWSER], (uint16_t)atoi(arguments[2]));
    side_open(&load.sides[PHONE], (uint16_t)atoi(arguments[3]));
    window_open(&load.window, &load.tape);
    if (clock_getcpuclockid(atoi(arguments[7]), &load.relay_clock) != 0) {
        fprintf(stderr, "no process %s\n", arguments[7]);
        return 1;
    }
    load.start = nanoseconds(CLOCK_MONOTONIC) + PERIOD;
    load.measured[0] = load.start + (int64_t)(atof(arguments[4]) * 1e9);
    load.measured[1] = load.measured[0] + (int64_t)(atof(arguments[5]) * 1e9);
    load.end = load.measured[1] + (int64_t)(atof(arguments[6]) * 1e9);
    run(&load);
    window_print(&load.window, stdout);
    return 0;
}
