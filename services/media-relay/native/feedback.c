/* Feedback that repairs video. */
#include "feedback.h"

#include <string.h>

enum { PACKET_HEADER = 4, HEADER = 12, GROUP = 4, EMPTY_REPORT = 8 };
#define REPORT_START 0x80C90001u /* a receiver report without a block */
#define NACK_START 0x81CD0000u   /* transport feedback, generic NACK, its length still to come */
#define PLI_START 0x81CE0002u    /* payload feedback */
#define FIR_START 0x84CE0004u    /* of one source */

size_t feedback_rewrite(uint8_t *compound, size_t length, feedback_treatment *treat, void *context)
{
    size_t kept = 0;
    for (size_t at = 0; length - at >= PACKET_HEADER;) {
        size_t whole = 4 * ((size_t)read_16(compound + at + 2) + 1);
        if (whole > length - at)
            break;
        size_t left = treat(context, compound + at, whole);
        if (left > whole)
            left = whole;
        memmove(compound + kept, compound + at, left);
        kept += left;
        at += whole;
    }
    return kept;
}

static bool begins_as(const uint8_t *packet, uint32_t start)
{
    return packet[0] == start >> 24 && packet[1] == (start >> 16 & 0xFF);
}

bool feedback_is_nack(const uint8_t *packet, size_t length)
{
    return length >= HEADER && begins_as(packet, NACK_START);
}

bool feedback_wants_picture(const uint8_t *packet, size_t length)
{
    return length >= HEADER && (begins_as(packet, PLI_START) || begins_as(packet, FIR_START));
}

bool feedback_picture_source(const uint8_t *packet, size_t length, size_t n, uint32_t *source)
{
    bool is_full = begins_as(packet, FIR_START);
    size_t at = is_full ? HEADER + 8 * n : 8;
    if (at + 4 > length || (!is_full && n > 0))
        return false;
    *source = read_32(packet + at);
    return true;
}

size_t feedback_full_intra_request(uint8_t *packet, uint32_t sender, uint32_t about, uint8_t number)
{
    uint8_t *request = packet + EMPTY_REPORT;
    write_32(packet, REPORT_START);
    write_32(packet + 4, sender);
    write_32(request, FIR_START);
    write_32(request + 4, sender);
    write_32(request + 8, 0); /* RFC 5104 4.3.1.2: unused */
    write_32(request + HEADER, about);
    write_32(request + HEADER + 4, (uint32_t)number << 24);
    return EMPTY_REPORT + HEADER + 8;
}

/* A number and bits for the sixteen that follow it: without those that are done. Whether any is left. */
static bool shrink(const uint8_t *group, uint8_t *left, feedback_is_done *is_done, void *context)
{
    uint16_t first = read_16(group);
    uint32_t wanted = 1u | (uint32_t)read_16(group + 2) << 1;
    for (unsigned bit = 0; bit <= 16; bit++)
        if (wanted >> bit & 1 && is_done(context, (uint16_t)(first + bit)))
            wanted &= ~(1u << bit);
    if (!wanted)
        return false;
    for (; !(wanted & 1); wanted >>= 1)
        first++;
    write_16(left, first);
    write_16(left + 2, (uint16_t)(wanted >> 1));
    return true;
}

size_t feedback_without(uint8_t *nack, size_t length, feedback_is_done *is_done, void *context)
{
    size_t kept = HEADER;
    for (size_t at = HEADER; at < length; at += GROUP)
        if (shrink(nack + at, nack + kept, is_done, context))
            kept += GROUP;
    if (kept == HEADER)
        return 0;
    write_16(nack + 2, (uint16_t)(kept / 4 - 1));
    return kept;
}

size_t feedback_generic_nack(uint8_t *packet, uint32_t sender, uint32_t about, const uint16_t *numbers, size_t count)
{
    uint8_t *nack = packet + EMPTY_REPORT;
    size_t length = HEADER;
    uint16_t first = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t after = (uint16_t)(numbers[i] - first);
        if (length > HEADER && after > 0 && after <= 16) {
            uint8_t *bits = nack + length - 2;
            write_16(bits, (uint16_t)(read_16(bits) | 1u << (after - 1)));
            continue;
        }
        first = numbers[i];
        write_32(nack + length, (uint32_t)first << 16);
        length += GROUP;
    }
    write_32(packet, REPORT_START);
    write_32(packet + 4, sender);
    write_32(nack, NACK_START | (uint32_t)(length / 4 - 1));
    write_32(nack + 4, sender);
    write_32(nack + 8, about);
    return EMPTY_REPORT + length;
}
