/* The calls by which the relay's owner changes what it does. */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bridge.h"
#include "event.h"
#include "loop.h"
#include "partner.h"

double monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void lock(struct relay *relay)
{
    atomic_fetch_add(&relay->waiting, 1);
    pthread_mutex_lock(&relay->lock);
    atomic_fetch_sub(&relay->waiting, 1);
    relay->forwarding.now = monotonic_now();
}

static void unlock(struct relay *relay)
{
    outbox_flush(&relay->forwarding.outbox);
    pthread_mutex_unlock(&relay->lock);
}

static bool watch(struct relay *relay, int descriptor, uint64_t token)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

static bool watch_browsers(struct relay *relay)
{
    for (uint32_t i = 0; i < relay->interface_count; i++) {
        forbid_fragments(relay->browser_sockets[i]);
        if (!watch(relay, relay->browser_sockets[i], browser_token(i)))
            return false;
    }
    return true;
}

static void give_back(struct relay *relay)
{
    if (relay->epoll >= 0)
        close(relay->epoll);
    if (relay->stop_event >= 0)
        close(relay->stop_event);
    ring_close(&relay->ring);
    pthread_mutex_destroy(&relay->lock);
    free(relay->slots);
    free(relay->sources.entries);
    free(relay->ufrags.entries);
    free(relay);
}

struct relay *relay_open(const struct relay_settings *settings)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return NULL;
    pthread_mutex_init(&relay->lock, NULL);
    relay->first_free = NO_SLOT;
    relay->pacing_seconds = settings->pacing_seconds;
    relay->forwarding.latch_policy = settings->latch_policy;
    relay->forwarding.ring = &relay->ring;
    memcpy(relay->browser_sockets, settings->browser_sockets, sizeof relay->browser_sockets);
    relay->interface_count = settings->interface_count;
    outbox_init(&relay->forwarding.outbox, relay->browser_sockets);
    relay->epoll = epoll_create1(EPOLL_CLOEXEC);
    relay->stop_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool is_ready = ring_open(&relay->ring) && relay->epoll >= 0 && relay->stop_event >= 0 &&
                    watch_browsers(relay) && watch(relay, relay->stop_event, TOKEN_STOP);
    relay->is_running = is_ready && pthread_create(&relay->thread, NULL, run_loop, relay) == 0;
    if (relay->is_running)
        return relay;
    give_back(relay);
    return NULL;
}

void relay_close(struct relay *relay)
{
    uint64_t one = 1;
    atomic_store(&relay->is_ending, true);
    ssize_t done = write(relay->stop_event, &one, sizeof one);
    (void)done; /* it fails only if it is set already */
    pthread_join(relay->thread, NULL);
    for (uint32_t i = 0; i < relay->slot_count; i++)
        if (relay->slots[i].session)
            session_free(relay->slots[i].session);
    for (uint32_t i = 0; i < relay->interface_count; i++)
        close(relay->browser_sockets[i]);
    give_back(relay);
}

static bool has_free_slot(struct relay *relay)
{
    if (relay->first_free != NO_SLOT)
        return true;
    uint32_t room = relay->slot_count ? 2 * relay->slot_count : 64;
    struct slot *larger = room <= MOST_SLOTS ? realloc(relay->slots, room * sizeof *larger) : NULL;
    if (!larger)
        return false;
    relay->slots = larger;
    for (uint32_t i = room; i-- > relay->slot_count;) {
        larger[i] = (struct slot){.next_free = relay->first_free};
        relay->first_free = i;
    }
    relay->slot_count = room;
    return true;
}

static bool watch_all(struct relay *relay, uint32_t slot)
{
    struct session *session = relay->slots[slot].session;
    uint32_t generation = relay->slots[slot].generation;
    for (uint32_t i = 0; i < session->stream_count; i++) {
        forbid_fragments(session->streams[i].rtp_socket);
        if (!watch(relay, session->streams[i].rtp_socket, sip_token(slot, generation, i, SIP_RTP_PORT)) ||
            !watch(relay, session->streams[i].rtcp_socket, sip_token(slot, generation, i, SIP_RTCP_PORT)))
            return false;
    }
    return true;
}

/* Descriptors that are not watched are passed over by the kernel. */
static void watch_no_more(struct relay *relay, const struct session *session)
{
    for (uint32_t i = 0; i < session->stream_count; i++) {
        epoll_ctl(relay->epoll, EPOLL_CTL_DEL, session->streams[i].rtp_socket, NULL);
        epoll_ctl(relay->epoll, EPOLL_CTL_DEL, session->streams[i].rtcp_socket, NULL);
    }
}

static void free_slot(struct relay *relay, uint32_t slot)
{
    relay->slots[slot].session = NULL;
    relay->slots[slot].next_free = relay->first_free;
    relay->first_free = slot;
}

int64_t relay_add_session(struct relay *relay, uint64_t number, const struct stream_sockets *streams, size_t count)
{
    struct session *session = session_new(number, streams, count);
    if (!session)
        return -1;
    int64_t slot = -1;
    lock(relay);
    if (has_free_slot(relay)) {
        uint32_t taken = relay->first_free;
        relay->first_free = relay->slots[taken].next_free;
        relay->slots[taken].session = session;
        relay->slots[taken].generation++;
        slot = taken;
        if (!watch_all(relay, taken)) {
            watch_no_more(relay, session);
            free_slot(relay, taken);
            slot = -1;
        }
    }
    unlock(relay);
    if (slot < 0)
        free(session); /* what it was made from is still the caller's */
    return slot;
}

void relay_set_plans(struct relay *relay, uint32_t slot, struct plan *plans, size_t count)
{
    lock(relay);
    session_set_plans(relay->slots[slot].session, plans, count, relay->forwarding.now);
    unlock(relay);
    for (size_t i = 0; i < count; i++)
        srtp_session_free(plans[i].srtp);
}

void relay_set_srtp(struct relay *relay, uint32_t slot, struct srtp_session *srtp)
{
    lock(relay);
    struct srtp_session *before = session_set_srtp(relay->slots[slot].session, srtp);
    unlock(relay);
    srtp_session_free(before);
}

void relay_send_rtcp(struct relay *relay, uint32_t slot, uint32_t stream, enum side side, const uint8_t *packet,
                     size_t length)
{
    lock(relay);
    send_own_rtcp(&relay->forwarding, relay->slots[slot].session, stream, side, packet, length, monotonic_now());
    outbox_flush(&relay->forwarding.outbox);
    unlock(relay);
}

static size_t copy_sources(const struct ssrc_table *table, enum side side, struct source *into)
{
    size_t copied = 0;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->of[i].stream != NO_STREAM && table->of[i].statistics.packets)
            into[copied++] = (struct source){side, table->of[i]};
    return copied;
}

size_t relay_statistics(struct relay *relay, uint32_t slot, struct source *into)
{
    lock(relay);
    const struct session *session = relay->slots[slot].session;
    size_t copied = copy_sources(&session->browser_ssrcs, SIDE_BROWSER, into);
    copied += copy_sources(&session->sip_ssrcs, SIDE_SIP, into + copied);
    unlock(relay);
    return copied;
}

void relay_set_bridge(struct relay *relay, uint32_t slot, uint32_t stream, uint32_t other_slot, uint32_t other_stream)
{
    struct session *one = relay_session(relay, slot), *other = relay_session(relay, other_slot);
    lock(relay);
    if (other && other != one)
        bridge_join(one, stream, other, other_stream);
    else
        bridge_part(one, stream);
    unlock(relay);
}

void relay_request_keyframe(struct relay *relay, uint32_t slot, enum side side)
{
    lock(relay);
    request_keyframe(&relay->forwarding, relay->slots[slot].session, side);
    unlock(relay);
}

void relay_set_event(struct relay *relay, uint32_t slot, uint32_t stream, bool begins)
{
    lock(relay);
    set_event(&relay->forwarding, relay->slots[slot].session, stream, begins);
    unlock(relay);
}

void relay_send_own(struct relay *relay, uint32_t slot, uint32_t stream, uint8_t payload_type, const uint8_t *payload,
                    size_t length, bool marker, uint32_t later)
{
    lock(relay);
    send_own(&relay->forwarding, relay->slots[slot].session, stream, payload_type, payload, length, marker, later);
    unlock(relay);
}

void relay_set_headless(struct relay *relay, uint32_t slot, uint32_t partner_slot)
{
    struct session *one = relay_session(relay, slot), *partner = relay_session(relay, partner_slot);
    lock(relay);
    partner_join(one, partner == one ? NULL : partner);
    unlock(relay);
}

bool relay_set_ufrags(struct relay *relay, uint32_t slot, uint8_t (*ufrags)[UFRAG], size_t count)
{
    lock(relay);
    bool done = ufrags_set(&relay->ufrags, relay->slots[slot].session, ufrags, count);
    unlock(relay);
    return done;
}

bool relay_add_source(struct relay *relay, uint32_t slot, const struct path *source)
{
    lock(relay);
    bool done = sources_add(&relay->sources, source, relay->slots[slot].session);
    unlock(relay);
    return done;
}

void relay_remove_source(struct relay *relay, uint32_t slot, const struct path *source)
{
    lock(relay);
    sources_remove(&relay->sources, source, relay->slots[slot].session);
    unlock(relay);
}

void relay_set_destination(struct relay *relay, uint32_t slot, const struct path *destination)
{
    lock(relay);
    relay->slots[slot].session->destination = *destination;
    unlock(relay);
}

struct session *relay_remove_session(struct relay *relay, uint32_t slot)
{
    lock(relay);
    struct session *session = relay->slots[slot].session;
    for (uint32_t i = 0; i < session->stream_count; i++)
        bridge_part(session, i);
    partner_part(session);
    sources_remove_all(&relay->sources, session);
    ufrags_set(&relay->ufrags, session, NULL, 0);
    watch_no_more(relay, session);
    free_slot(relay, slot);
    unlock(relay);
    return session;
}

void relay_send(struct relay *relay, const uint8_t *datagram, size_t length, const struct path *destination)
{
    const union address *address = &destination->address;
    int browser_socket = relay->browser_sockets[destination->interface];
    ssize_t sent;
    do
        sent = sendto(browser_socket, datagram, length, 0, &address->any, address_length(address));
    while (sent < 0 && errno == EMSGSIZE && allow_fragments(browser_socket));
    if (sent >= 0)
        return;
    lock(relay);
    count(&relay->unattributed.drops[DROP_SEND_FAILED], 1);
    unlock(relay);
}
