/* The relay's thread while sessions come and go, under sanitizers: `churn SECONDS [SEED]`.
 *
 * Browsers and phones are sockets on loopback that send all the time; the calls are those of Python, in an order that
 * chance gives. What must hold besides: nothing races, nothing leaks, and media comes through on both sides.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../crypto.h"
#include "../relay.h"
#include "packets.h"

double monotonic_now(void);

enum { CALLS = 48, STREAMS = 2, PROFILE_KEYS = 44 };
/* Calls without a browser, which partner each other; the others are bridged. Both at once would be loops, which the
 * relay's owner does not make (core/bridges.py). */
enum { HEADLESS = CALLS / 3 };

/* One end of a call, in the test's hands. The phone has one socket for all. */
struct call {
    int64_t slot; /* of the relay's; -1: none */
    uint64_t number;
    int browser, phone;
    union address browser_address, phone_address, ports[STREAMS][2];
    struct srtp_session *browser_srtp, *phone_srtp;
    uint16_t sequence_number;
    bool is_known; /* as the source of its browser */
};

static struct call calls[CALLS];
static uint64_t came_to_browsers, came_to_phones;

static int bind_loopback(union address *address)
{
    int bound = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof *address;
    memset(address, 0, sizeof *address);
    require(bound >= 0 && address_parse(address, "127.0.0.1", 0), "a socket");
    require(bind(bound, &address->any, address_length(address)) == 0, "a port of loopback");
    require(getsockname(bound, &address->any, &length) == 0, "its number");
    return bound;
}

static void send_to(int from, const struct packet *packet, const union address *to)
{
    ssize_t sent = sendto(from, packet->bytes, packet->length, 0, &to->any, address_length(to));
    (void)sent; /* UDP may lose it */
}

static struct srtp_session *new_srtp(enum srtp_profile profile, int receive, int send)
{
    static const size_t lengths[SRTP_PROFILES] = {30, 28, 44, 30};
    uint8_t receives[PROFILE_KEYS], sends[PROFILE_KEYS];
    memset(receives, receive, sizeof receives);
    memset(sends, send, sizeof sends);
    struct srtp_session *srtp = srtp_session_new(profile, receives, lengths[profile], sends, lengths[profile]);
    require(srtp, "libcrypto is there");
    return srtp;
}

static struct relay *open_relay(union address *address)
{
    struct relay_settings settings = {.interface_count = 1, .latch_policy = {10, 0.01, 4, 1000000}};
    settings.browser_sockets[0] = bind_loopback(address);
    settings.pacing_seconds = 0.001;
    struct relay *relay = relay_open(&settings);
    require(relay, "a relay");
    return relay;
}

/* New SRTP on both sides: the video's towards SIP, and the browser's. */
static void set_keys(struct relay *relay, struct call *call)
{
    enum srtp_profile profile = chance(SRTP_PROFILES);
    srtp_session_free(call->browser_srtp);
    call->browser_srtp = new_srtp(profile, 1, 2);
    relay_set_srtp(relay, (uint32_t)call->slot, new_srtp(profile, 2, 1));
}

/* Another far side: the call's own phone, or a port of another call; other keys each time, or none. */
static void set_plans(struct relay *relay, struct call *call)
{
    struct plan plans[STREAMS];
    const struct call *far_side = chance(4) ? NULL : &calls[chance(CALLS)];
    memset(plans, 0, sizeof plans);
    for (int i = 0; i < STREAMS; i++) {
        struct plan *plan = &plans[i];
        plan->is_used = plan->browser_sends = plan->sip_sends = true;
        plan->is_video = plan->answers_nack = plan->sip_takes_nack = plan->sip_takes_pli = i;
        plan->sip_rtp = far_side ? far_side->ports[i][0] : call->phone_address;
        plan->sip_rtcp = far_side ? far_side->ports[i][1] : call->phone_address;
        memset(plan->to_sip, NO_PAYLOAD_TYPE, sizeof plan->to_sip);
        memset(plan->to_browser, NO_PAYLOAD_TYPE, sizeof plan->to_browser);
        plan->to_sip[i ? 100 : 111] = plan->to_browser[96] = i ? 100 : 111;
        plan->to_sip[i ? 100 : 111] = 96;
        plan->to_sip[101] = EVENT_PAYLOAD_TYPE;
        plan->to_browser[101] = plan->events_to_sip = 101;
        plan->is_sip_event[101] = true;
        plan->clock_rate = 48000;
    }
    srtp_session_free(call->phone_srtp);
    call->phone_srtp = NULL;
    if (chance(2)) {
        enum srtp_profile profile = chance(SRTP_PROFILES);
        int key = (int)chance(100);
        plans[1].srtp = new_srtp(profile, 100 + key, key);
        call->phone_srtp = new_srtp(profile, key, 100 + key);
    }
    relay_set_plans(relay, (uint32_t)call->slot, plans, STREAMS);
}

static void add(struct relay *relay, struct call *call)
{
    static uint64_t number;
    struct stream_sockets sockets[STREAMS] = {{0}};
    for (int i = 0; i < STREAMS; i++) {
        sockets[i].rtp = bind_loopback(&call->ports[i][0]);
        sockets[i].rtcp = bind_loopback(&call->ports[i][1]);
        sockets[i].barred = calloc(1, sizeof *sockets[i].barred);
        sockets[i].barred_count = 1;
    }
    call->number = ++number;
    call->slot = relay_add_session(relay, call->number, sockets, STREAMS);
    require(call->slot >= 0, "a session");
    struct path path = {call->browser_address, 0};
    set_plans(relay, call);
    set_keys(relay, call);
    call->is_known = relay_add_source(relay, (uint32_t)call->slot, &path);
    relay_set_destination(relay, (uint32_t)call->slot, &path);
}

static void end(struct relay *relay, struct call *call)
{
    struct session *session = relay_remove_session(relay, (uint32_t)call->slot);
    require(session->number == call->number, "the session that was meant");
    session_free(session);
    call->slot = -1;
}

/* Any of the other calls that Python makes. */
static void change(struct relay *relay, struct call *call, struct call *other)
{
    static struct source sources[MOST_SOURCES];
    const uint8_t payload[] = {1, 10, 0, 160};
    struct path path = {call->browser_address, 0};
    uint32_t slot = (uint32_t)call->slot, stream = chance(STREAMS);
    bool is_headless = call < calls + HEADLESS, is_alike = is_headless == (other < calls + HEADLESS);
    uint32_t other_slot = other->slot < 0 || !is_alike || chance(3) == 0 ? NO_SLOT : (uint32_t)other->slot;
    struct packet packet;
    switch (chance(10)) {
    case 0:
        set_plans(relay, call);
        break;
    case 1:
        set_keys(relay, call);
        break;
    case 2:
    case 3:
        if (is_headless)
            relay_set_headless(relay, slot, other_slot);
        else
            relay_set_bridge(relay, slot, stream, other_slot, stream);
        break;
    case 4:
        relay_set_event(relay, slot, stream, true);
        relay_send_own(relay, slot, stream, NO_PAYLOAD_TYPE, payload, sizeof payload, true, 0);
        relay_set_event(relay, slot, stream, false);
        break;
    case 5:
        make_feedback(&packet, 1, 0x51, 1);
        relay_send_rtcp(relay, slot, stream, chance(SIDES), packet.bytes, packet.length);
        break;
    case 6:
        require(relay_statistics(relay, slot, sources) <= MOST_SOURCES, "statistics");
        break;
    case 7:
        relay_request_keyframe(relay, slot, chance(SIDES));
        break;
    case 8:
        if (call->is_known)
            relay_remove_source(relay, slot, &path);
        call->is_known = !call->is_known && relay_add_source(relay, slot, &path);
        break;
    case 9:
        make(&packet);
        relay_send(relay, packet.bytes, packet.length, &path);
        read_counter(&relay_session(relay, slot)->counters.packets[chance(DIRECTIONS)][AUDIO]);
        break;
    }
}

static void send_browsers(const union address *relay_address, struct call *call)
{
    struct packet packet;
    uint32_t stream = chance(STREAMS);
    if (chance(8) == 0) {
        make(&packet);
        bend(&packet);
    } else if (chance(4) == 0) {
        make_feedback(&packet, 0xB1 + stream, 0x51 + stream, call->sequence_number);
        require(!srtp_protect_rtcp(call->browser_srtp, packet.bytes, &packet.length), "protects");
    } else {
        make_rtp(&packet, stream ? 100 : 111, ++call->sequence_number, 0xB1 + stream);
        require(!srtp_protect_rtp(call->browser_srtp, packet.bytes, &packet.length), "protects");
    }
    send_to(call->browser, &packet, relay_address);
}

static void send_phones(struct call *call)
{
    struct packet packet;
    uint32_t stream = chance(STREAMS);
    bool is_report = chance(4) == 0;
    if (is_report)
        make_feedback(&packet, 0x51 + stream, 0xB1 + stream, call->sequence_number);
    else
        make_rtp(&packet, 96, ++call->sequence_number, 0x51 + stream);
    if (chance(8) == 0)
        bend(&packet);
    else if (stream == 1 && call->phone_srtp)
        require(!(is_report ? srtp_protect_rtcp : srtp_protect_rtp)(call->phone_srtp, packet.bytes, &packet.length),
                "protects");
    send_to(call->phone, &packet, &call->ports[stream][is_report]);
}

static void receive(struct relay *relay)
{
    uint8_t bytes[MOST_DATAGRAM];
    const uint8_t *handed_up;
    for (int i = 0; i < CALLS; i++) {
        while (recv(calls[i].browser, bytes, sizeof bytes, 0) >= 0)
            came_to_browsers++;
        while (recv(calls[i].phone, bytes, sizeof bytes, 0) >= 0)
            came_to_phones++;
    }
    for (const struct ring_entry *entry; (entry = ring_peek(&relay->ring, &handed_up));)
        ring_drop(&relay->ring, entry);
    ring_arm(&relay->ring);
}

int main(int argc, char **argv)
{
    double until = monotonic_now() + (argc > 1 ? atof(argv[1]) : 1);
    chance_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 4711;
    require(!crypto_open(), "libcrypto is there");
    union address relay_address;
    struct relay *relay = open_relay(&relay_address);
    uint64_t changes = 0, ended = 0;
    for (int i = 0; i < CALLS; i++) {
        calls[i].slot = -1;
        calls[i].browser = bind_loopback(&calls[i].browser_address);
        calls[i].phone = bind_loopback(&calls[i].phone_address);
    }
    for (; monotonic_now() < until; changes++) {
        struct call *call = &calls[chance(CALLS)];
        if (call->slot < 0)
            add(relay, call);
        for (int i = 0; i < 16; i++) {
            send_browsers(&relay_address, call);
            send_phones(call);
        }
        if (chance(8) == 0)
            end(relay, call), ended++;
        else
            change(relay, call, &calls[chance(CALLS)]);
        receive(relay);
    }
    relay_close(relay); /* with what there still is */
    for (int i = 0; i < CALLS; i++) {
        close(calls[i].browser);
        close(calls[i].phone);
        srtp_session_free(calls[i].browser_srtp);
        srtp_session_free(calls[i].phone_srtp);
    }
    require(ended && came_to_browsers && came_to_phones, "media comes through");
    printf("%llu changes, %llu sessions ended; to browsers %llu packets, to phones %llu\n", (unsigned long long)changes,
           (unsigned long long)ended, (unsigned long long)came_to_browsers, (unsigned long long)came_to_phones);
    return 0;
}
