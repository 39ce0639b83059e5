/* What is known of each synchronisation source: media_relay/core/statistics.py has the same in Python, and says why. */
#ifndef CORDBOARD_STATISTICS_H
#define CORDBOARD_STATISTICS_H

#include "packet.h"

struct source_statistics {
    uint64_t packets, octets; /* received; octets of payload */
    uint64_t sent_packets, sent_octets;
    uint32_t cycles; /* of the sequence number, each 65536 */
    uint32_t restarts_at;
    uint16_t first, highest;
    uint16_t shift; /* from its numbers to those in which it goes on where it stood, if it began anew further back */
    uint32_t transit, last_timestamp;
    bool has_transit;
    double jitter; /* RTP units */
    double last_heard;
    double sender_report_at, reported_at; /* 0: never */
    uint32_t sender_report;               /* the middle 32 bits of its NTP time */
    uint32_t reported_jitter;
    uint8_t reported_loss; /* of 256 */
    bool has_round_trip;
    bool has_events; /* of our making, in its name */
    double round_trip;
};

/* A packet that is known to be the peer's (RFC 3550 A.1 without probation, A.8). Clock rate 0: its timestamp tells
 * nothing. */
void statistics_hear(struct source_statistics *statistics, const struct rtp_header *header, size_t octets, double now,
                     uint32_t clock_rate);

static inline void statistics_sent(struct source_statistics *statistics, size_t octets)
{
    statistics->sent_packets++;
    statistics->sent_octets += octets;
}

/* A packet of ours in the name of the source. */
static inline void statistics_sent_event(struct source_statistics *statistics, size_t octets)
{
    statistics_sent(statistics, octets);
    statistics->has_events = true;
}

/* A report block of the other side (RFC 3550 6.4.1). */
void statistics_reported(struct source_statistics *statistics, const struct report_block *block, double now);

#endif
