/* Packets of each protocol, bent as a network or an attacker might; the same ones for the same seed. */
#ifndef CORDBOARD_TEST_PACKETS_H
#define CORDBOARD_TEST_PACKETS_H

#include "../packet.h"
#include "../srtp.h"

extern uint64_t chance_state;

uint32_t chance(uint32_t below);
void require(bool holds, const char *what);

struct packet {
    size_t length;
    uint8_t bytes[MOST_DATAGRAM + SRTP_TRAILER];
};

void make(struct packet *packet);
void bend(struct packet *packet);
/* An RTP packet of the length of 20 ms of G.711. */
void make_rtp(struct packet *packet, uint8_t payload_type, uint16_t number, uint32_t ssrc);
/* Feedback in a compound packet of several, of `sender`, about that source: NACKs of numbers around this one. */
void make_feedback(struct packet *packet, uint32_t sender, uint32_t about, uint16_t number);

#endif
