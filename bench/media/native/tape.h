/* What a window of load plays and what must come of it: a file that `tape.py` writes and this maps.
 *
 * A header; a record for each call; the browsers' packets, protected beforehand, in the order of time: the first of all
 * calls, the second of all; then, in that order, what the browsers of some calls must get of the phone's packets, to the
 * last byte. What phones send and get is not on the
 * tape: plain RTP follows from the call and the number of the packet.
 */
#ifndef CORDBOARD_BENCH_TAPE_H
#define CORDBOARD_BENCH_TAPE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_HEADER = 12, PAYLOAD = 160, PLAIN = RTP_HEADER + PAYLOAD }; /* 20 ms of G.711 */
enum { BROWSER, PHONE, SIDES };

struct tape_header {
    uint32_t magic, mark, calls, packets, first, protected_length; /* `first`: number of the first packet */
};

/* Addresses in network order. */
struct tape_call {
    uint32_t hosts[SIDES];      /* from where each side sends */
    uint16_t relay_ports[SIDES]; /* to where it sends, at the relay */
    int32_t expected;           /* which of the calls with such packets it is, or -1 */
};

struct tape {
    const struct tape_header *header;
    uint32_t checked; /* calls of which it is known what the browser must get */
    const struct tape_call *calls;
    const uint8_t *protected, *expected;
};

/* Ends the program if there is no such tape. */
struct tape tape_open(const char *path);

/* With the tape's mark in it: what another relay still had to send when its window ended is told apart. */
static inline uint32_t tape_ssrc(const struct tape *tape, int side, uint32_t call)
{
    return (side == BROWSER ? 0x10000000u : 0x20000000u) | tape->header->mark << 16 | call;
}

static inline const uint8_t *tape_protected(const struct tape *tape, uint32_t call, uint32_t packet)
{
    return tape->protected + ((size_t)packet * tape->header->calls + call) * tape->header->protected_length;
}

/* The packet that a side sends, without protection. `packet` counts from the start of the tape. */
void tape_plain(const struct tape *tape, int side, uint32_t call, uint32_t packet, uint8_t plain[PLAIN]);

enum verdict {
    RIGHT_AND_CHECKED, /* every byte is as it must be */
    RIGHT_LENGTH,      /* of this call only the framing was looked at */
    STRAY,             /* of another window or tape, or RTCP */
    WRONG,
};

/* What came to a side: says which call and packet it is of. */
enum verdict tape_check(const struct tape *tape, int side, const uint8_t *datagram, size_t length, uint32_t *call,
                        uint32_t *packet);

#endif
