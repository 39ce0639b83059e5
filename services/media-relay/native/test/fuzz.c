/* Every byte that comes from the network, under AddressSanitizer and UBSan: `fuzz SECONDS [SEED]`.
 *
 * Packets of each protocol are bent (bits, lengths, cuts, joints) and given to the parsers in buffers of exactly their
 * length, and to a relay without sockets as if they had come on each of its ports: from strangers, and from peers that
 * have the keys. What must hold besides: each datagram is counted once, nothing forged goes on, and the true packets after
 * it still do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bridge.h"
#include "../crypto.h"
#include "../event.h"
#include "../feedback.h"
#include "../partner.h"
#include "../reports.h"
#include "world.h"

static struct srtp_session *sessions[SRTP_PROFILES];

static void open_sessions(void)
{
    for (int profile = 0; profile < SRTP_PROFILES; profile++)
        sessions[profile] = new_srtp(profile, 1, 2);
}

static void close_sessions(void)
{
    for (int profile = 0; profile < SRTP_PROFILES; profile++)
        srtp_session_free(sessions[profile]);
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
        require(srtp_unprotect_rtp(sessions[profile], copy, &length) != SRTP_DONE, "forged RTP is refused");
        free(copy);
        copy = exact(packet);
        length = packet->length;
        require(srtp_unprotect_rtcp(sessions[profile], copy, &length) != SRTP_DONE, "forged RTCP is refused");
        free(copy);
    }
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
    receive_from_phone(world, chance(2), chance(2), packet, chance(4) ? &world->phone : &world->stranger.address);
    bool is_feedback = is_rtcp(packet->bytes, packet->length); /* may be answered, with nothing to count */
    require(counted(world) - before == 1 || is_feedback, "what a phone sends is counted once");
    handed_up(world); /* events, which go on as well */
}

/* The browser's true packet goes through, whatever came before it. */
static void send_true_packet(struct world *world, uint16_t number)
{
    struct packet packet;
    bool is_video = world->repairs && number % 32;
    make_rtp(&packet, is_video ? 100 : 111, number, is_video ? BROWSERS_VIDEO : BROWSERS_AUDIO);
    require(srtp_protect_rtp(world->browser_srtp, packet.bytes, &packet.length) == SRTP_DONE, "protects");
    bool is_bridged = world->session->streams[is_video].bridge.session;
    counter *failed = &(is_bridged ? world->other : world->session)->counters.drops[DROP_SEND_FAILED];
    uint64_t before = read_counter(failed);
    receive_browser(world->relay, packet.bytes, packet.length, &world->browser);
    if (is_bridged)
        outbox_flush(&world->relay->forwarding.outbox);
    require(read_counter(failed) == before + 1, "the true packet would have been sent");
    outbox_flush(&world->relay->forwarding.outbox); /* a NACK of what came before it */
    if (is_video)
        world->browsers_number = number;
}

/* And the phone's: it waits in the outbox, which cannot send it. Where the stream is joined it is not heard. */
static void send_true_video(struct world *world, uint16_t number)
{
    struct packet packet;
    outbox_flush(&world->relay->forwarding.outbox); /* NACKs of ours */
    make_rtp(&packet, 96, number, PHONES_VIDEO);
    require(srtp_protect_rtp(world->phone_srtp, packet.bytes, &packet.length) == SRTP_DONE, "protects");
    bool is_bridged = world->session->streams[1].bridge.session;
    counter *where = &world->session->counters.drops[is_bridged ? DROP_LATCH_REFUSED : DROP_SEND_FAILED];
    uint64_t before = read_counter(where);
    receive_from_phone(world, 1, SIP_RTP_PORT, &packet, &world->phone);
    require(read_counter(where) == before + 1, "the phone's true packet would have been sent, but to nobody else");
    world->phones_number = number;
}

/* A bent packet, or feedback about what was sent of late, which may be bent too; whether it is one that can be protected.
 * Its numbers are not those of the true packets. */
static bool choose(struct world *world, struct packet *packet, const struct packet *bent, uint32_t about,
                   uint16_t number, uint32_t ssrc)
{
    *packet = *bent;
    if (chance(2))
        make_feedback(packet, ssrc, about, number);
    if (chance(2))
        bend(packet);
    if (packet->length < RTP_FIXED_HEADER)
        return false;
    if (!is_rtcp(packet->bytes, packet->length)) {
        write_16(packet->bytes + 2, ++world->numbers);
        write_32(packet->bytes + 8, ssrc);
    }
    return true;
}

static enum srtp_status protect(struct srtp_session *srtp, struct packet *packet)
{
    return is_rtcp(packet->bytes, packet->length) ? srtp_protect_rtcp(srtp, packet->bytes, &packet->length)
                                                  : srtp_protect_rtp(srtp, packet->bytes, &packet->length);
}

/* What a browser says that has the keys and means no good, also while an event is in the place of its media. */
static void send_own_packet(struct world *world, const struct packet *bent)
{
    struct packet packet;
    if (!choose(world, &packet, bent, PHONES_VIDEO, world->phones_number, 0xBAD))
        return;
    bool is_report = is_rtcp(packet.bytes, packet.length);
    if (protect(world->browser_srtp, &packet) != SRTP_DONE)
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

/* What a phone says that has the keys, while packets to browsers wait in the outbox before what it brings. */
static void send_phones_packet(struct world *world, const struct packet *bent)
{
    struct packet packet;
    uint32_t stream = chance(2);
    struct session *session = world->session;
    if (!choose(world, &packet, bent, BROWSERS_VIDEO, world->browsers_number, 0xBAD1 + stream))
        return;
    if (stream == 1 && protect(world->phone_srtp, &packet) != SRTP_DONE)
        return;
    for (uint32_t waiting = chance(BATCH - 1); waiting; waiting--)
        outbox_send_to_browser(&world->relay->forwarding.outbox, session, 100, VIDEO);
    uint64_t refused = read_counter(&session->counters.drops[DROP_LATCH_REFUSED]);
    uint64_t resent = read_counter(&session->counters.repairs[REPAIR_RESENT_TO_SIP]);
    receive_from_phone(world, stream, is_rtcp(packet.bytes, packet.length) && chance(4), &packet, &world->phone);
    handed_up(world);
    if (!session->streams[stream].bridge.session)
        return;
    require(read_counter(&session->counters.drops[DROP_LATCH_REFUSED]) == refused + 1 &&
                read_counter(&session->counters.repairs[REPAIR_RESENT_TO_SIP]) == resent,
            "nobody is heard on the ports of a stream that is joined");
}

/* A wish that is answered here, and a report of ever another source behind it: SRTP then goes by that one. */
static void send_wish(struct world *world)
{
    uint32_t source = 0x100000 + chance(1u << 16);
    struct packet packet = {.length = 20};
    write_32(packet.bytes, 0x81CE0002u);
    write_32(packet.bytes + 4, 0xBAD);
    write_32(packet.bytes + 8, PHONES_VIDEO);
    write_32(packet.bytes + 12, 0x80C90001u);
    write_32(packet.bytes + 16, source);
    if (!ssrc_find(&world->session->sip_ssrcs, PHONES_VIDEO) || protect(world->browser_srtp, &packet) != SRTP_DONE)
        return;
    counter *refused = &world->session->counters.drops[DROP_SSRC_LIMIT];
    uint64_t before = read_counter(refused);
    receive_browser(world->relay, packet.bytes, packet.length, &world->browser);
    outbox_flush(&world->relay->forwarding.outbox);
    handed_up(world);
    require(ssrc_find(&world->session->browser_ssrcs, source) || read_counter(refused) == before + 1,
            "each source that costs state is known");
    require(world->session->browser_ssrcs.count <= MOST_SSRCS, "sources are bounded");
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
    uint64_t rounds = 0, repairs[REPAIRS] = {0};
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
            send_phones_packet(&world, &packet);
            if (i % 16 == 0) {
                send_true_packet(&world, (uint16_t)i);
                send_true_video(&world, (uint16_t)i);
                send_wish(&world);
            }
        }
        for (int i = 0; i < REPAIRS; i++)
            repairs[i] += read_counter(&world.session->counters.repairs[i]);
        join_and_receive(&world);
        close_world(&world);
        close_sessions();
    } while (monotonic_now() < end);
    require(repairs[REPAIR_RESENT_TO_BROWSER] && repairs[REPAIR_RESENT_TO_SIP], "NACKs name what is there");
    printf("%llu packets, %llu sent again\n", (unsigned long long)rounds,
           (unsigned long long)(repairs[REPAIR_RESENT_TO_BROWSER] + repairs[REPAIR_RESENT_TO_SIP]));
    return 0;
}
