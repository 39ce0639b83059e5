/* The tape: mapping, plain packets, and the comparison with what came. */
#include "tape.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x45504154u /* "TAPE" */

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

struct tape tape_open(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0 || (size_t)status.st_size < sizeof(struct tape_header))
        fail(path, "no tape");
    const uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED)
        fail(path, "cannot be mapped");
    struct tape tape = {.header = (const struct tape_header *)bytes};
    if (tape.header->magic != MAGIC || !tape.header->calls || !tape.header->packets)
        fail(path, "not a tape");
    size_t block = (size_t)tape.header->packets * tape.header->protected_length;
    tape.calls = (const struct tape_call *)(bytes + sizeof *tape.header);
    tape.protected = (const uint8_t *)(tape.calls + tape.header->calls);
    tape.expected = tape.protected + tape.header->calls * block;
    for (uint32_t i = 0; i < tape.header->calls; i++)
        tape.checked += tape.calls[i].expected >= 0;
    if (tape.protected + (tape.header->calls + tape.checked) * block != bytes + status.st_size)
        fail(path, "cut off");
    return tape;
}

static void put_32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t get_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return ntohl(value);
}

void tape_plain(const struct tape *tape, int side, uint32_t call, uint32_t packet, uint8_t plain[PLAIN])
{
    uint32_t number = tape->header->first + packet;
    plain[0] = 0x80;
    plain[1] = 0; /* PCMU */
    plain[2] = (uint8_t)(number >> 8);
    plain[3] = (uint8_t)number;
    put_32(plain + 4, PAYLOAD * number);
    put_32(plain + 8, tape_ssrc(tape, side, call));
    put_32(plain + RTP_HEADER, call);
    put_32(plain + RTP_HEADER + 4, number);
    for (uint32_t i = RTP_HEADER + 8; i < PLAIN; i++)
        plain[i] = (uint8_t)(number + i);
}

static bool is_rtcp(const uint8_t *datagram, size_t length)
{
    return length >= 2 && datagram[1] >= 192 && datagram[1] <= 223; /* RFC 5761 4 */
}

enum verdict tape_check(const struct tape *tape, int side, const uint8_t *datagram, size_t length, uint32_t *call,
                        uint32_t *packet)
{
    const struct tape_header *header = tape->header;
    if (is_rtcp(datagram, length))
        return STRAY;
    if (length < RTP_HEADER)
        return WRONG;
    int sender = side == BROWSER ? PHONE : BROWSER;
    *call = get_32(datagram + 8) ^ tape_ssrc(tape, sender, 0);
    if (*call >> 16 && *call >> 16 < 0x1000)
        return STRAY;
    if (length != (side == BROWSER ? header->protected_length : PLAIN))
        return WRONG;
    uint32_t number = (uint32_t)datagram[2] << 8 | datagram[3];
    if (datagram[0] != 0x80 || datagram[1] != 0 || *call >= header->calls)
        return WRONG;
    if (number < header->first)
        return STRAY;
    *packet = number - header->first;
    if (*packet >= header->packets)
        return WRONG;
    if (side == PHONE) {
        uint8_t plain[PLAIN];
        tape_plain(tape, sender, *call, *packet, plain);
        return memcmp(plain, datagram, PLAIN) == 0 ? RIGHT_AND_CHECKED : WRONG;
    }
    int32_t expected = tape->calls[*call].expected;
    if (expected < 0)
        return RIGHT_LENGTH;
    size_t at = ((size_t)*packet * tape->checked + (uint32_t)expected) * header->protected_length;
    return memcmp(tape->expected + at, datagram, length) == 0 ? RIGHT_AND_CHECKED : WRONG;
}
