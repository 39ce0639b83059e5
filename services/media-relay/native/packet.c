/* What a datagram is, and what is in it. */
#include "packet.h"

enum {
    SENDER_REPORT = 200,
    RECEIVER_REPORT = 201,
    TRANSPORT_FEEDBACK = 205,
    PAYLOAD_FEEDBACK = 206,
    REPORT_BLOCK = 24,
};

enum datagram_kind datagram_kind(const uint8_t *datagram, size_t length)
{
    if (!length)
        return KIND_OTHER;
    uint8_t first = datagram[0];
    if (first >= 128 && first <= 191)
        return is_rtcp(datagram, length) ? KIND_RTCP : KIND_RTP;
    if (first <= 3)
        return KIND_STUN;
    return first >= 20 && first <= 63 ? KIND_DTLS : KIND_OTHER;
}

bool is_rtcp(const uint8_t *datagram, size_t length)
{
    return length > 1 && datagram[1] >= 192 && datagram[1] <= 223;
}

bool rtp_parse(const uint8_t *packet, size_t length, struct rtp_header *header)
{
    if (length < RTP_FIXED_HEADER || packet[0] >> 6 != 2)
        return false;
    size_t end = RTP_FIXED_HEADER + 4 * (size_t)(packet[0] & 0x0F);
    if (packet[0] & 0x10) {
        if (length < end + 4)
            return false;
        end += 4 + 4 * (size_t)read_16(packet + end + 2);
    }
    if (length < end)
        return false;
    header->payload_type = packet[1] & 0x7F;
    header->sequence_number = read_16(packet + 2);
    header->timestamp = read_32(packet + 4);
    header->ssrc = read_32(packet + 8);
    header->length = end;
    return true;
}

bool rtp_has_valid_padding(const uint8_t *packet, size_t length)
{
    if (!(packet[0] & 0x20))
        return true;
    uint8_t padding = packet[length - 1];
    return padding > 0 && padding <= length - RTP_FIXED_HEADER;
}

size_t rtp_payload_length(const uint8_t *packet, size_t length, const struct rtp_header *header)
{
    size_t around = header->length + (packet[0] & 0x20 ? packet[length - 1] : 0);
    return length > around ? length - around : 0;
}

void rtp_set_payload_type(uint8_t *packet, uint8_t payload_type)
{
    packet[1] = (uint8_t)((packet[1] & 0x80) | payload_type);
}

static void add_sources_spoken_of(const uint8_t *packet, size_t length, struct rtcp_sources *sources)
{
    uint8_t type = packet[1];
    if (type == TRANSPORT_FEEDBACK || type == PAYLOAD_FEEDBACK) {
        if (length >= 12 && sources->about_count < MOST_RTCP_SOURCES)
            sources->about[sources->about_count++] = read_32(packet + 8);
        return;
    }
    if (type != SENDER_REPORT && type != RECEIVER_REPORT)
        return;
    size_t at = type == SENDER_REPORT ? 28 : 8;
    for (int left = packet[0] & 0x1F; left && at + REPORT_BLOCK <= length; left--, at += REPORT_BLOCK)
        if (sources->about_count < MOST_RTCP_SOURCES)
            sources->about[sources->about_count++] = read_32(packet + at);
}

bool rtcp_parse(const uint8_t *packet, size_t length, struct rtcp_sources *sources)
{
    sources->has_sender = false;
    sources->about_count = 0;
    for (size_t at = 0; at < length;) {
        if (length - at < 4)
            return false;
        size_t words = read_16(packet + at + 2);
        size_t end = at + 4 * (words + 1);
        if (packet[at] >> 6 != 2 || !is_rtcp(packet + at, length - at) || end > length)
            return false;
        /* Only the last packet of a compound one may be padded, so that an attacker cannot hide what follows. */
        if ((packet[at] & 0x20) && end != length)
            return false;
        /* Only here: SRTCP takes the second word of the whole for its SSRC (RFC 3711 3.4), whatever it is. */
        if (at == 0 && words >= 1) {
            sources->has_sender = true;
            sources->sender = read_32(packet + 4);
        }
        add_sources_spoken_of(packet + at, end - at, sources);
        at = end;
    }
    return length > 0;
}

void rtcp_picture_loss_indication(uint8_t packet[PICTURE_LOSS_INDICATION], uint32_t sender, uint32_t about)
{
    write_32(packet, 0x80000001u | RECEIVER_REPORT << 16);
    write_32(packet + 4, sender);
    write_32(packet + 8, 0x81000002u | PAYLOAD_FEEDBACK << 16);
    write_32(packet + 12, sender);
    write_32(packet + 16, about);
}
