/* What the reports that pass say. */
#include "reports.h"

enum { SENDER_REPORT = 200, RECEIVER_REPORT = 201 };
enum { SENDER_COUNTS = 20, SENDER_INFO_END = 28, RECEIVER_INFO_END = 8, REPORT_BLOCK = 24 };

static void read_sender_report(const uint8_t *packet, struct ssrc_table *own, double now)
{
    struct heard *heard = ssrc_find(own, read_32(packet + 4));
    if (!heard)
        return;
    heard->statistics.sender_report = read_32(packet + 10);
    heard->statistics.sender_report_at = now;
}

static void read_block(const uint8_t *at, struct ssrc_table *others, double now)
{
    struct heard *heard = ssrc_find(others, read_32(at));
    if (!heard || !heard->statistics.packets)
        return;
    const struct report_block block = {
        .fraction_lost = at[4],
        .jitter = read_32(at + 12),
        .last_report = read_32(at + 16),
        .delay = read_32(at + 20),
    };
    statistics_reported(&heard->statistics, &block, now);
}

void read_reports(const uint8_t *packet, size_t length, struct ssrc_table *own, struct ssrc_table *others, double now)
{
    for (size_t at = 0; at + 4 <= length;) {
        size_t end = at + 4 * (size_t)(read_16(packet + at + 2) + 1);
        if (end > length)
            return;
        uint8_t type = packet[at + 1];
        if (type == SENDER_REPORT && end - at >= SENDER_INFO_END)
            read_sender_report(packet + at, own, now);
        size_t block = at + (type == SENDER_REPORT ? SENDER_INFO_END : RECEIVER_INFO_END);
        int left = others && (type == SENDER_REPORT || type == RECEIVER_REPORT) ? packet[at] & 0x1F : 0;
        for (; left && block + REPORT_BLOCK <= end; left--, block += REPORT_BLOCK)
            read_block(packet + block, others, now);
        at = end;
    }
}

void correct_sender_counts(uint8_t *packet, size_t length, const struct ssrc_table *own)
{
    for (size_t at = 0, whole; at + SENDER_INFO_END <= length; at += whole) {
        whole = 4 * (size_t)(read_16(packet + at + 2) + 1);
        bool is_sender_report = packet[at + 1] == SENDER_REPORT && whole >= SENDER_INFO_END;
        const struct heard *heard = is_sender_report ? ssrc_find(own, read_32(packet + at + 4)) : NULL;
        if (!heard || !heard->statistics.has_events)
            continue;
        write_32(packet + at + SENDER_COUNTS, (uint32_t)heard->statistics.sent_packets);
        write_32(packet + at + SENDER_COUNTS + 4, (uint32_t)heard->statistics.sent_octets);
    }
}

void read_own_reports(const uint8_t *packet, size_t length, struct ssrc_table *in_whose_name, double now)
{
    read_reports(packet, length, in_whose_name, NULL, now);
}
