/* Every byte that comes from the network, under AddressSanitizer and UBSan: `fuzz SECONDS [SEED]`.
 *
 * Packets of each protocol are bent (bits, lengths, cuts, joints) and given to the parsers in buffers of exactly their
 * length, and to a relay without sockets as if they had come on each of its ports. What must hold besides: each
 * datagram is counted once, nothing forged goes on, and the true packets after it still do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bridge.h"
#include "../crypto.h"
#include "../event.h"
#include "../feedback.h"
#include "../loop.h"
#include "../partner.h"
#include "../reports.h"

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 32) % below;
}

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

struct packet {
    size_t length;
    uint8_t bytes[MOST_DATAGRAM + SRTP_TRAILER];
};

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

static void make(struct packet *packet)
{
    const uint8_t *header = headers[chance(sizeof headers / sizeof *headers)];
    packet->length = sizeof *headers + chance(8) * chance(200);
    for (size_t i = 0; i < packet->length; i++)
        packet->bytes[i] = i < sizeof *headers ? header[i] : (uint8_t)chance(256);
}

static void bend(struct packet *packet)
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

static struct srtp_session *sessions[SRTP_PROFILES][2];

static struct srtp_session *new_srtp(int profile, int receive, int send)
{
    static const size_t lengths[SRTP_PROFILES] = {30, 28, 44, 30};
    uint8_t receives[44], sends[44];
    memset(receives, receive, sizeof receives);
    memset(sends, send, sizeof sends);
    struct srtp_session *srtp = srtp_session_new(profile, receives, lengths[profile], sends, lengths[profile]);
    require(srtp, "libcrypto is there");
    return srtp;
}

static void open_sessions(void)
{
    for (int profile = 0; profile < SRTP_PROFILES; profile++) {
        sessions[profile][0] = new_srtp(profile, 1, 2);
        sessions[profile][1] = new_srtp(profile, 2, 1);
    }
}

static void close_sessions(void)
{
    for (int profile = 0; profile < SRTP_PROFILES; profile++)
        for (int end = 0; end < 2; end++)
            srtp_session_free(sessions[profile][end]);
}

static uint8_t *exact(const struct packet *packet)
{
    uint8_t *copy = malloc(packet->length ? packet->length : 1);
    require(copy, "memory");
    memcpy(copy, packet->bytes, packet->length);
    return copy;
}

static bool is_even(void *context, uint16_t number)
{
    (void)context;
    return number % 2 == 0;
}

static size_t take_out(void *context, uint8_t *packet, size_t length)
{
    uint32_t source;
    if (feedback_wants_picture(packet, length))
        for (size_t n = 0; feedback_picture_source(packet, length, n, &source); n++)
            require(n < length, "a wish for pictures has an end");
    return feedback_is_nack(packet, length) ? feedback_without(packet, length, is_even, context) : length;
}
/* Whom the reports of `headers` speak of. */
static struct heard heard[] = {{.ssrc = 0x51, .statistics.packets = 1}, {.ssrc = 0xB1, .statistics.packets = 1}};
static struct ssrc_table known = {heard, 2, 2};

static void parse(const struct packet *packet)
{
    uint8_t *copy = exact(packet);
    struct rtp_header header;
    struct rtcp_sources sources;
    datagram_kind(copy, packet->length);
    if (rtp_parse(copy, packet->length, &header)) {
        require(header.length <= packet->length, "a header ends inside its packet");
        if (rtp_has_valid_padding(copy, packet->length))
            require(rtp_payload_length(copy, packet->length, &header) <= packet->length, "payload is part of it");
    }
    if (rtcp_parse(copy, packet->length, &sources)) {
        read_reports(copy, packet->length, &known, &known, 1);
        size_t left = feedback_rewrite(copy, packet->length, take_out, NULL);
        require(left <= packet->length, "what is taken out makes no packet longer");
        require(!left || rtcp_parse(copy, left, &sources), "what is left is valid");
    }
    free(copy);
}

static void unprotect(const struct packet *packet)
{
    for (int profile = 0; profile < SRTP_PROFILES; profile++) {
        uint8_t *copy = exact(packet);
        size_t length = packet->length;
        require(srtp_unprotect_rtp(sessions[profile][0], copy, &length) != SRTP_DONE, "forged RTP is refused");
        free(copy);
        copy = exact(packet);
        length = packet->length;
        require(srtp_unprotect_rtcp(sessions[profile][0], copy, &length) != SRTP_DONE, "forged RTCP is refused");
        free(copy);
    }
}

struct world {
    struct relay *relay;
    struct session *session;
    struct session *other; /* one of whose streams is joined with the session's in every second world */
    struct srtp_session *phone_srtp; /* the phone's end of the video */
    struct path browser, stranger;
    union address phone;
    int profile;
    bool repairs; /* then a datagram may be answered, with nothing to count or with several packets */
};

static void open_world(struct world *world, int profile)
{
    struct plan plans[2];
    struct stream_sockets none[2] = {{-1, -1, NULL, 0}, {-1, -1, NULL, 0}};
    memset(plans, 0, sizeof plans);
    address_parse(&world->browser.address, "192.0.2.1", 5000);
    address_parse(&world->phone, "2001:db8::1", 4000);
    address_parse(&world->stranger.address, "203.0.113.1", 4000);
    for (int i = 0; i < 2; i++) {
        plans[i] = (struct plan){.is_used = true, .is_video = i, .browser_sends = true, .sip_sends = true};
        plans[i].answers_nack = plans[i].sip_takes_nack = i && world->repairs;
        plans[i].sip_rtp = plans[i].sip_rtcp = world->phone;
        memset(plans[i].to_sip, NO_PAYLOAD_TYPE, sizeof plans[i].to_sip);
        memset(plans[i].to_browser, NO_PAYLOAD_TYPE, sizeof plans[i].to_browser);
        plans[i].to_sip[i ? 100 : 111] = 96;
        plans[i].to_browser[96] = i ? 100 : 111;
        plans[i].to_sip[101] = EVENT_PAYLOAD_TYPE;
        plans[i].to_browser[101] = 101;
        plans[i].is_sip_event[101] = true;
        plans[i].events_to_sip = 101;
        plans[i].clock_rate = 48000;
    }
    plans[1].srtp = new_srtp(profile, 3, 4); /* the video's, towards SIP */
    world->profile = profile;
    world->phone_srtp = new_srtp(profile, 4, 3);
    world->relay = calloc(1, sizeof *world->relay);
    world->session = session_new(1, none, 2);
    require(world->relay && world->session && ring_open(&world->relay->ring), "memory");
    world->relay->browser_sockets[0] = -1;
    world->relay->forwarding.ring = &world->relay->ring;
    outbox_init(&world->relay->forwarding.outbox, world->relay->browser_sockets);
    world->relay->forwarding.latch_policy = (struct latch_policy){10, 2, 4, 1000000};
    session_set_plans(world->session, plans, 2, 0);
    session_set_srtp(world->session, sessions[profile][0]);
    world->session->destination = world->browser;
    world->other = session_new(2, none, 2);
    require(world->other, "memory");
    plans[1].srtp = NULL;
    session_set_plans(world->other, plans, 2, 0);
    session_set_srtp(world->other, new_srtp(profile, 5, 6));
    world->other->destination = world->stranger;
    uint32_t joined = chance(2);
    if (chance(2))
        bridge_join(world->session, joined, world->other, joined);
    require(sources_add(&world->relay->sources, &world->browser, world->session), "memory");
}

static void close_world(struct world *world)
{
    session_set_srtp(world->session, NULL);
    for (uint32_t i = 0; i < 2; i++)
        bridge_part(world->session, i);
    session_free(world->session);
    session_free(world->other);
    srtp_session_free(world->phone_srtp);
    ring_close(&world->relay->ring);
    free(world->relay->sources.entries);
    free(world->relay);
}

static uint64_t counted(struct world *world)
{
    uint64_t total = 0;
    for (int i = 0; i < DROPS; i++)
        total += read_counter(&world->session->counters.drops[i]) + read_counter(&world->other->counters.drops[i]) +
                 read_counter(&world->relay->unattributed.drops[i]);
    return total;
}

static uint64_t handed_up(struct world *world)
{
    uint64_t entries = 0;
    const uint8_t *bytes;
    for (const struct ring_entry *entry; (entry = ring_peek(&world->relay->ring, &bytes)); entries++)
        ring_drop(&world->relay->ring, entry);
    return entries;
}

/* Nothing can be sent, so what would go on is counted as a failure: each datagram is found in one place, RTCP of no
 * known stream in one for each stream. */
static void receive(struct world *world, const struct packet *packet)
{
    struct relay *relay = world->relay;
    uint64_t before = counted(world);
    uint8_t bytes[MOST_DATAGRAM];
    relay->forwarding.now += 1e-4;
    memcpy(bytes, packet->bytes, packet->length);
    receive_browser(relay, bytes, packet->length, chance(4) ? &world->browser : &world->stranger);
    require(counted(world) + handed_up(world) - before == 1 || world->repairs, "what a browser sends is counted once");
    before = counted(world);
    memcpy(outbox_buffer(&relay->forwarding.outbox), packet->bytes, packet->length);
    receive_sip(&relay->forwarding, world->session, chance(2), chance(2), packet->length,
                chance(4) ? &world->phone : &world->stranger.address);
    outbox_flush(&relay->forwarding.outbox);
    bool is_feedback = is_rtcp(packet->bytes, packet->length); /* may be answered, with nothing to count */
    require(counted(world) - before == 1 || is_feedback, "what a phone sends is counted once");
    handed_up(world); /* events, which go on as well */
}

/* The browser's true packet goes through, whatever came before it. */
static void send_true_packet(struct world *world, uint16_t number)
{
    struct packet packet = {.length = 172};
    memcpy(packet.bytes, headers[0], sizeof *headers);
    bool is_video = world->repairs && number % 32;
    if (is_video)
        packet.bytes[1] = 100, packet.bytes[11] = 0xB2; /* video */
    write_16(packet.bytes + 2, number);
    require(srtp_protect_rtp(sessions[world->profile][1], packet.bytes, &packet.length) == SRTP_DONE, "protects");
    bool is_bridged = world->session->streams[is_video].bridge.session;
    counter *failed = &(is_bridged ? world->other : world->session)->counters.drops[DROP_SEND_FAILED];
    uint64_t before = read_counter(failed);
    receive_browser(world->relay, packet.bytes, packet.length, &world->browser);
    if (is_bridged)
        outbox_flush(&world->relay->forwarding.outbox);
    require(read_counter(failed) == before + 1, "the true packet would have been sent");
    outbox_flush(&world->relay->forwarding.outbox); /* a NACK of what came before it */
}

/* And the phone's, when the browser's address is known: it waits in the outbox, which cannot send it. */
static void send_true_video(struct world *world, uint16_t number)
{
    outbox_flush(&world->relay->forwarding.outbox); /* NACKs of ours */
    uint8_t *packet = outbox_buffer(&world->relay->forwarding.outbox);
    size_t length = 172;
    memset(packet, 0, length);
    write_32(packet, 0x80600000u | number);
    write_32(packet + 8, 0x53); /* an SSRC that no stream has but this */
    require(srtp_protect_rtp(world->phone_srtp, packet, &length) == SRTP_DONE, "protects");
    counter *failed = &world->session->counters.drops[DROP_SEND_FAILED];
    uint64_t before = read_counter(failed);
    receive_sip(&world->relay->forwarding, world->session, 1, SIP_RTP_PORT, length, &world->phone);
    outbox_flush(&world->relay->forwarding.outbox);
    require(read_counter(failed) == before + 1, "the phone's true packet would have been sent");
}

/* What a browser says that has the keys and means no good, also while an event is in the place of its media. */
static void send_own_packet(struct world *world, const struct packet *bent)
{
    struct packet packet = *bent;
    struct srtp_session *srtp = sessions[world->profile][1];
    if (packet.length < RTP_FIXED_HEADER)
        return;
    bool is_report = is_rtcp(packet.bytes, packet.length);
    write_32(packet.bytes + (is_report ? 4 : 8), 0xBAD); /* its numbers are not those of the true packets */
    enum srtp_status status = is_report ? srtp_protect_rtcp(srtp, packet.bytes, &packet.length)
                                        : srtp_protect_rtp(srtp, packet.bytes, &packet.length);
    if (status != SRTP_DONE)
        return;
    uint32_t stream = chance(2);
    const uint8_t payload[] = {1, 10, 0, 160};
    set_event(&world->relay->forwarding, world->session, stream, chance(4) == 0);
    send_own(&world->relay->forwarding, world->session, stream, chance(2) ? 96 : NO_PAYLOAD_TYPE, payload,
             sizeof payload, chance(2), chance(2) * 65280);
    uint64_t before = counted(world);
    receive_browser(world->relay, packet.bytes, packet.length, &world->browser);
    outbox_flush(&world->relay->forwarding.outbox);
    bool is_counted = counted(world) + handed_up(world) > before;
    require(is_counted || is_report, "what a browser sends is counted"); /* NACKs are answered here */
    for (stream = 0; stream < 2; stream++)
        set_event(&world->relay->forwarding, world->session, stream, false);
}

/* What two phones say to each other, without a browser between. */
static void join_and_receive(struct world *world)
{
    for (uint32_t i = 0; i < 2; i++)
        bridge_part(world->session, i);
    partner_join(world->session, world->other);
    for (int i = 0; i < 200; i++) {
        struct packet packet;
        make(&packet);
        bend(&packet);
        memcpy(outbox_buffer(&world->relay->forwarding.outbox), packet.bytes, packet.length);
        receive_sip(&world->relay->forwarding, chance(2) ? world->session : world->other, chance(2), chance(2),
                    packet.length, &world->phone);
        outbox_flush(&world->relay->forwarding.outbox);
        handed_up(world);
    }
    partner_part(world->session);
}

int main(int argc, char **argv)
{
    double end = monotonic_now() + (argc > 1 ? atof(argv[1]) : 1);
    chance_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 4711;
    require(!crypto_open(), "libcrypto is there");
    uint64_t rounds = 0;
    do {
        open_sessions();
        struct world world = {.repairs = chance(2)};
        open_world(&world, (int)chance(SRTP_PROFILES));
        for (int i = 0; i < 2000; i++, rounds++) {
            struct packet packet;
            make(&packet);
            bend(&packet);
            parse(&packet);
            unprotect(&packet);
            receive(&world, &packet);
            send_own_packet(&world, &packet);
            if (i % 16 == 0) {
                send_true_packet(&world, (uint16_t)i);
                send_true_video(&world, (uint16_t)i);
            }
        }
        join_and_receive(&world);
        close_world(&world);
        close_sessions();
    } while (monotonic_now() < end);
    printf("%llu packets\n", (unsigned long long)rounds);
    return 0;
}
