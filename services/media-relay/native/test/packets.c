/* Packets of each protocol, bent as a network or an attacker might. */
#include "packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t chance_state;

uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 32) % below;
}

void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static const uint8_t headers[][20] = {
    {0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0xB1},                                              /* RTP */
    {0x92, 96, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0x51, 0, 0, 0, 7, 0xBE, 0xDE, 0, 1},                 /* CSRCs, extension */
    {0x80, 0x80 | 101, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0xB1, 5, 10, 0, 160},                        /* telephone-event */
    {0xA0, 96, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0x52},                                               /* padding */
    {0x81, 200, 0, 12, 0, 0, 0, 0x51}, {0x81, 201, 0, 7, 0, 0, 0, 0xB1},                       /* reports */
    {0x81, 206, 0, 2, 0, 0, 0, 0xB1, 0, 0, 0, 0x51}, {0x81, 205, 0, 3, 0, 0, 0, 0xB1},         /* feedback */
    {0x84, 206, 0, 4, 0, 0, 0, 0xB1, 0, 0, 0, 0, 0, 0, 0, 0x51},
    {0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xA4, 0x42}, {0x16, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0}, /* STUN, DTLS */
};

void make(struct packet *packet)
{
    const uint8_t *header = headers[chance(sizeof headers / sizeof *headers)];
    packet->length = sizeof *headers + chance(8) * chance(200);
    for (size_t i = 0; i < packet->length; i++)
        packet->bytes[i] = i < sizeof *headers ? header[i] : (uint8_t)chance(256);
}

void bend(struct packet *packet)
{
    for (uint32_t times = chance(4); times; times--) {
        if (!packet->length)
            return;
        size_t at = chance((uint32_t)(chance(2) || packet->length < 24 ? packet->length : 24));
        switch (chance(5)) {
        case 0:
            packet->bytes[at] ^= (uint8_t)(1u << chance(8));
            break;
        case 1:
            packet->bytes[at] = chance(2) ? 0xFF : 0;
            break;
        case 2:
            packet->length = at;
            break;
        case 3: /* a compound packet */
            if (2 * packet->length <= MOST_DATAGRAM) {
                memcpy(packet->bytes + packet->length, packet->bytes, packet->length);
                packet->length *= 2;
            }
            break;
        case 4:
            packet->bytes[at] = (uint8_t)chance(256);
            break;
        }
    }
}

void make_rtp(struct packet *packet, uint8_t payload_type, uint16_t number, uint32_t ssrc)
{
    packet->length = 172;
    memset(packet->bytes, 0, packet->length);
    write_32(packet->bytes, 0x80000000u | (uint32_t)payload_type << 16 | number);
    write_32(packet->bytes + 4, 160u * number);
    write_32(packet->bytes + 8, ssrc);
}

static void add(struct packet *packet, uint32_t start, uint32_t sender)
{
    write_32(packet->bytes + packet->length, start);
    write_32(packet->bytes + packet->length + 4, sender);
    packet->length += 8;
}

static void add_word(struct packet *packet, uint32_t word)
{
    write_32(packet->bytes + packet->length, word);
    packet->length += 4;
}

void make_feedback(struct packet *packet, uint32_t sender, uint32_t about, uint16_t number)
{
    packet->length = 0;
    for (uint32_t left = 1 + chance(4); left; left--) {
        uint32_t groups = 1 + chance(4);
        switch (chance(4)) {
        case 0: /* RR */
            add(packet, 0x80C90001u, sender + chance(3));
            break;
        case 1: /* PLI */
            add(packet, 0x81CE0002u, sender);
            add_word(packet, about);
            break;
        default: /* NACK */
            add(packet, 0x81CD0000u | (2 + groups), sender);
            add_word(packet, about);
            for (; groups; groups--)
                add_word(packet, (uint32_t)(uint16_t)(number - 16 * chance(8)) << 16 | (chance(2) ? 0xFFFF : 0));
        }
    }
}
