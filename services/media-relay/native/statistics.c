/* What is known of each synchronisation source. */
#include "statistics.h"

/* RFC 3550 A.1: how far a number may be ahead, or behind, before it is taken for a restart of the sender. */
enum { SEQUENCE_NUMBERS = 65536, MAX_DROPOUT = 3000, MAX_MISORDER = 100 };
#define NO_RESTART SEQUENCE_NUMBERS

static void begin(struct source_statistics *statistics, uint16_t sequence_number)
{
    statistics->first = statistics->highest = sequence_number;
    statistics->cycles = 0;
    statistics->restarts_at = NO_RESTART;
    statistics->has_transit = false;
}

/* Extends the highest number, or begins anew, without packets, at the second one of another run; whether it is either
 * (RFC 3550 A.1). */
static bool advance(struct source_statistics *statistics, uint16_t sequence_number)
{
    uint16_t ahead = (uint16_t)(sequence_number - statistics->highest);
    if (ahead < MAX_DROPOUT) {
        if (sequence_number < statistics->highest)
            statistics->cycles += SEQUENCE_NUMBERS;
        statistics->highest = sequence_number;
    } else if (ahead <= SEQUENCE_NUMBERS - MAX_MISORDER) {
        if (sequence_number != statistics->restarts_at) {
            statistics->restarts_at = (uint16_t)(sequence_number + 1);
            return false;
        }
        if (ahead >= SEQUENCE_NUMBERS / 2)
            statistics->shift += (uint16_t)(statistics->highest + 1 - sequence_number);
        statistics->packets = 0;
    }
    return true;
}

/* RFC 3550 A.8. A picture has one timestamp for packets that are sent one after the other, so only the first of them
 * tells. */
static void measure_jitter(struct source_statistics *statistics, uint32_t timestamp, double now, uint32_t clock_rate)
{
    if (statistics->has_transit && timestamp == statistics->last_timestamp)
        return;
    uint32_t transit = (uint32_t)(uint64_t)(now * clock_rate) - timestamp;
    if (statistics->has_transit) {
        uint32_t apart = transit - statistics->transit;
        if (apart > UINT32_MAX / 2)
            apart = -apart;
        statistics->jitter += (apart - statistics->jitter) / 16;
    }
    statistics->transit = transit;
    statistics->has_transit = true;
    statistics->last_timestamp = timestamp;
}

void statistics_hear(struct source_statistics *statistics, const struct rtp_header *header, size_t octets, double now,
                     uint32_t clock_rate)
{
    statistics->last_heard = now;
    if (statistics->packets && !advance(statistics, header->sequence_number))
        return; /* far from all others: it counts if the next one follows it */
    if (!statistics->packets)
        begin(statistics, header->sequence_number);
    if (clock_rate)
        measure_jitter(statistics, header->timestamp, now, clock_rate);
    statistics->packets++;
    statistics->octets += octets;
}

void statistics_reported(struct source_statistics *statistics, const struct report_block *block, double now)
{
    statistics->reported_at = now;
    statistics->reported_loss = block->fraction_lost;
    statistics->reported_jitter = block->jitter;
    if (statistics->sender_report_at == 0 || block->last_report != statistics->sender_report)
        return;
    double round_trip = now - statistics->sender_report_at - block->delay / 65536.0;
    statistics->round_trip = round_trip > 0 ? round_trip : 0;
    statistics->has_round_trip = true;
}
