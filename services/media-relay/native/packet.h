/* What a datagram is, and what is in it: the same checks as media_relay/core/packet. Every length here is hostile. */
#ifndef CORDBOARD_PACKET_H
#define CORDBOARD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer ones are cut off by the sockets; what is longer than MOST_RTP is dropped. */
#define MOST_DATAGRAM 2048
#define MOST_RTP 1500
#define MOST_SRTP (MOST_RTP + 144) /* with the longest trailer that libsrtp knows, as the twin has it */

/* The last two are only for what is handed up. */
enum datagram_kind {
    KIND_STUN,
    KIND_DTLS,
    KIND_RTP,
    KIND_RTCP,
    KIND_OTHER,
    KIND_BROWSER_EVENT,
    KIND_SIP_EVENT,
};

/* By the first byte (RFC 7983 7), and RTCP by the second (RFC 5761 4). */
enum datagram_kind datagram_kind(const uint8_t *datagram, size_t length);
bool is_rtcp(const uint8_t *datagram, size_t length);

#define RTP_FIXED_HEADER 12
#define RTCP_HEADER 8 /* with the sender */

struct rtp_header {
    uint8_t payload_type;
    uint16_t sequence_number;
    uint32_t timestamp;
    uint32_t ssrc;
    size_t length; /* with CSRC list and header extension */
};

/* The checks of RFC 3550 A.1 that hold for SRTP too, whose padding is encrypted. */
bool rtp_parse(const uint8_t *packet, size_t length, struct rtp_header *header);
bool rtp_has_valid_padding(const uint8_t *packet, size_t length);
/* Octets of payload, without padding, of a packet in the clear whose padding is valid. */
size_t rtp_payload_length(const uint8_t *packet, size_t length, const struct rtp_header *header);
void rtp_set_payload_type(uint8_t *packet, uint8_t payload_type);

/* A compound packet cannot speak of more: each source takes twelve bytes of feedback. */
#define MOST_RTCP_SOURCES (MOST_DATAGRAM / 12)

struct rtcp_sources {
    bool has_sender;
    uint32_t sender; /* of the first packet */
    size_t about_count;
    uint32_t about[MOST_RTCP_SOURCES]; /* of report blocks and feedback */
};

/* A compound or reduced-size packet (RFC 5506), or false if it is malformed (RFC 3550 A.2). */
bool rtcp_parse(const uint8_t *packet, size_t length, struct rtcp_sources *sources);

/* What somebody received of a source (RFC 3550 6.4.1). */
struct report_block {
    uint8_t fraction_lost; /* of 256 */
    uint32_t jitter;
    uint32_t last_report; /* the middle 32 bits of its last sender report's NTP time */
    uint32_t delay;       /* since then, in 1/65536 s */
};

/* A PLI (RFC 4585 6.3.1) behind the report that a compound packet begins with (RFC 3550 6.1). */
#define PICTURE_LOSS_INDICATION 20
void rtcp_picture_loss_indication(uint8_t packet[PICTURE_LOSS_INDICATION], uint32_t sender, uint32_t about);

static inline uint16_t read_16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t read_32(const uint8_t *at)
{
    return (uint32_t)read_16(at) << 16 | read_16(at + 2);
}

static inline void write_16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void write_32(uint8_t *at, uint32_t value)
{
    write_16(at, (uint16_t)(value >> 16));
    write_16(at + 2, (uint16_t)value);
}

#endif
