/* A relay without sockets and two of its sessions. */
#include "world.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "../bridge.h"

struct srtp_session *new_srtp(int profile, int receive, int send)
{
    static const size_t lengths[SRTP_PROFILES] = {30, 28, 44, 30};
    uint8_t receives[44], sends[44];
    memset(receives, receive, sizeof receives);
    memset(sends, send, sizeof sends);
    struct srtp_session *srtp = srtp_session_new(profile, receives, lengths[profile], sends, lengths[profile]);
    require(srtp, "libcrypto is there");
    return srtp;
}

void open_world(struct world *world, int profile)
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
    world->browser_srtp = new_srtp(profile, 2, 1);
    world->relay = calloc(1, sizeof *world->relay);
    world->session = session_new(1, none, 2);
    require(world->relay && world->session && ring_open(&world->relay->ring), "memory");
    world->relay->browser_sockets[0] = -1;
    world->relay->forwarding.ring = &world->relay->ring;
    outbox_init(&world->relay->forwarding.outbox, world->relay->browser_sockets);
    world->relay->forwarding.latch_policy = (struct latch_policy){10, 2, 4, 1000000};
    session_set_plans(world->session, plans, 2, 0);
    session_set_srtp(world->session, new_srtp(profile, 1, 2));
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

void close_world(struct world *world)
{
    for (uint32_t i = 0; i < 2; i++)
        bridge_part(world->session, i);
    session_free(world->session);
    session_free(world->other);
    srtp_session_free(world->phone_srtp);
    srtp_session_free(world->browser_srtp);
    ring_close(&world->relay->ring);
    free(world->relay->sources.entries);
    free(world->relay);
}

uint64_t counted(struct world *world)
{
    uint64_t total = 0;
    for (int i = 0; i < DROPS; i++)
        total += read_counter(&world->session->counters.drops[i]) + read_counter(&world->other->counters.drops[i]) +
                 read_counter(&world->relay->unattributed.drops[i]);
    return total;
}

uint64_t handed_up(struct world *world)
{
    uint64_t entries = 0;
    const uint8_t *bytes;
    for (const struct ring_entry *entry; (entry = ring_peek(&world->relay->ring, &bytes)); entries++)
        ring_drop(&world->relay->ring, entry);
    return entries;
}

/* Behind the outbox stands the inbox, which nothing may reach from here. */
void receive_from_phone(struct world *world, uint32_t stream, enum sip_port port, const struct packet *packet,
                        const union address *source)
{
    struct relay *relay = world->relay;
    struct forwarding *forwarding = &relay->forwarding;
    ASAN_POISON_MEMORY_REGION(&relay->inbox, sizeof relay->inbox);
    memcpy(outbox_buffer(&forwarding->outbox), packet->bytes, packet->length);
    receive_sip(forwarding, world->session, stream, port, packet->length, source);
    outbox_flush(&forwarding->outbox);
    ASAN_UNPOISON_MEMORY_REGION(&relay->inbox, sizeof relay->inbox);
}
