/* The relay's thread: wait, take what has come from both sides in turn, send, and under load let some come together.
 *
 * A thread that sleeps and wakes for each packet pays more for that than for the packet, so above some thousand packets
 * a second a round begins only a while after the one before it. Below, each packet is handled as it comes.
 */
#include "loop.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

enum {
    MOST_EVENTS = 512,     /* a round: SIP sockets, each of which holds a packet or two */
    BROWSER_BATCHES = 4,   /* a round */
    PREFETCHED = 16,       /* sessions at a time */
    SIP_BUDGET = 2,        /* datagrams of a socket a round */
    PACED_RATE = 5000,     /* packets a second from which on rounds are spaced, */
    TOGETHER = 20,         /* until about so many have come: a wake-up costs as much as several packets; */
    SPARE_RATE = 50000,    /* up to this one they are spaced as far as they may be: it is the cheapest */
    CHECKS_RATE = 50,   /* of a session a second that are handed up, from its browser and from others each, */
    CHECKS_BURST = 200, /* and at once: a browser with many candidates checks them all, every 50 ms */
    DTLS_RATE = 1000,   /* more than a handshake has: who forges the browser's address must not keep it out by a few */
};
#define RATE_WINDOW 0.01 /* seconds over which the rate is taken */

static void hand_up(struct relay *relay, enum datagram_kind kind, const uint8_t *datagram, size_t length,
                    const struct path *source, struct session *session)
{
    struct ring_entry entry = {.length = (uint32_t)length,
                               .kind = kind,
                               .session = session ? session->number : NO_SESSION,
                               .source = *source};
    if (ring_put(&relay->ring, &entry, datagram))
        return;
    count(session ? &session->counters.drops[DROP_SEND_FAILED] : &relay->unattributed.drops[DROP_UNKNOWN_SOURCE], 1);
}

/* Python is slow and serves all sessions: each has a share of it, which nobody else can use up. */
static bool may_hand_up(const struct relay *relay, struct session *session, struct allowance *allowance, double rate,
                        double burst)
{
    bool may = allowance_take(allowance, rate, burst, relay->forwarding.now);
    if (!may)
        session_drop(session, DROP_FLOODED);
    return may;
}

/* A check must name a session, be it from the address of one or not: who forges an address knows no fragment. */
static void receive_check(struct relay *relay, const uint8_t *datagram, size_t length, const struct path *source,
                          struct session *owner)
{
    uint8_t ufrag[UFRAG];
    struct session *named = stun_ufrag(datagram, length, ufrag) ? ufrags_find(&relay->ufrags, ufrag) : NULL;
    if (!named)
        count(owner ? &owner->counters.drops[DROP_STUN_AUTH] : &relay->unattributed.drops[DROP_UNKNOWN_SOURCE], 1);
    else if (may_hand_up(relay, named, named == owner ? &named->checks : &named->newcomers, CHECKS_RATE, CHECKS_BURST))
        hand_up(relay, KIND_STUN, datagram, length, source, owner);
}

void receive_browser(struct relay *relay, uint8_t *datagram, size_t length, const struct path *source)
{
    enum datagram_kind kind = datagram_kind(datagram, length);
    struct session *session = sources_find(&relay->sources, source);
    if (!session && kind != KIND_STUN) {
        count(&relay->unattributed.drops[DROP_UNKNOWN_SOURCE], 1);
        return;
    }
    switch (kind) {
    case KIND_RTP:
        receive_browser_rtp(&relay->forwarding, session, datagram, length);
        break;
    case KIND_RTCP:
        receive_browser_rtcp(&relay->forwarding, session, datagram, length);
        break;
    case KIND_STUN:
        receive_check(relay, datagram, length, source, session);
        break;
    case KIND_DTLS:
        if (may_hand_up(relay, session, &session->handshake, DTLS_RATE, DTLS_RATE))
            hand_up(relay, kind, datagram, length, source, session);
        break;
    default:
        session_drop(session, DROP_MALFORMED);
        break;
    }
}

static void prepare(struct inbox *inbox)
{
    for (unsigned i = 0; i < BATCH; i++) {
        inbox->vectors[i] = (struct iovec){inbox->buffers[i], sizeof inbox->buffers[i]};
        inbox->headers[i].msg_hdr = (struct msghdr){.msg_name = &inbox->sources[i],
                                                    .msg_namelen = sizeof inbox->sources[i],
                                                    .msg_iov = &inbox->vectors[i],
                                                    .msg_iovlen = 1};
    }
}

static void prefetch_browsers(const struct relay *relay, uint32_t interface, unsigned count)
{
    struct path sources[BATCH];
    struct session *sessions[BATCH];
    for (unsigned i = 0; i < count; i++) {
        sources[i] = (struct path){relay->inbox.sources[i], interface};
        sources_prefetch(&relay->sources, &sources[i]);
    }
    for (unsigned i = 0; i < count; i++)
        sessions[i] = sources_find(&relay->sources, &sources[i]);
    sessions_prefetch(sessions, count);
}

/* Returns how many came. */
static unsigned read_browsers(struct relay *relay, uint32_t interface)
{
    struct inbox *inbox = &relay->inbox;
    unsigned total = 0;
    for (int batch = 0; batch < BROWSER_BATCHES; batch++) {
        int came = recvmmsg(relay->browser_sockets[interface], inbox->headers, BATCH, MSG_DONTWAIT, NULL);
        /* Nothing more; or an ICMP error of something sent before, which the next round reads on after. */
        if (came <= 0)
            break;
        prefetch_browsers(relay, interface, (unsigned)came);
        for (int i = 0; i < came; i++) {
            struct path source = {inbox->sources[i], interface};
            receive_browser(relay, inbox->buffers[i], inbox->headers[i].msg_len, &source);
            inbox->headers[i].msg_hdr.msg_namelen = sizeof inbox->sources[i];
        }
        total += (unsigned)came;
        if (came < BATCH)
            break;
    }
    return total;
}

static struct session *session_of(const struct relay *relay, uint64_t token)
{
    const struct slot *slot = &relay->slots[token >> 5 & (MOST_SLOTS - 1)];
    return slot->generation == token >> 32 ? slot->session : NULL; /* removed since epoll told of it */
}

static unsigned read_sip(struct relay *relay, uint64_t token)
{
    struct session *session = session_of(relay, token);
    if (!session)
        return 0;
    uint32_t index = token >> 1 & (MOST_STREAMS - 1);
    enum sip_port port = token & 1;
    const struct stream *stream = &session->streams[index];
    int descriptor = port == SIP_RTP_PORT ? stream->rtp_socket : stream->rtcp_socket;
    unsigned came = 0;
    while (came < SIP_BUDGET) {
        union address source;
        socklen_t source_length = sizeof source;
        uint8_t *buffer = outbox_buffer(&relay->forwarding.outbox);
        ssize_t length = recvfrom(descriptor, buffer, MOST_DATAGRAM, MSG_DONTWAIT, &source.any, &source_length);
        if (length < 0) /* as above */
            break;
        came++;
        receive_sip(&relay->forwarding, session, index, port, (size_t)length, &source);
        if (session->streams[index].plan.is_video)
            continue; /* a picture is several packets */
        break;
    }
    return came;
}

/* How many packets come, as it was in the last window. */
struct rate {
    double since, per_second;
    unsigned packets;
};

static void add_to_rate(struct rate *rate, unsigned packets, double now)
{
    rate->packets += packets;
    if (now - rate->since < RATE_WINDOW)
        return;
    rate->per_second = rate->packets / (now - rate->since);
    rate->since = now;
    rate->packets = 0;
}

static void prefetch_sip(const struct relay *relay, const struct epoll_event *events, int count)
{
    struct session *sessions[PREFETCHED];
    unsigned found = 0;
    for (int i = 0; i < count && found < PREFETCHED; i++)
        if (is_sip_token(events[i].data.u64))
            sessions[found++] = session_of(relay, events[i].data.u64);
    sessions_prefetch(sessions, found);
}

/* From one round to the next: the most up to the spare rate; from there it falls with the square of the rate, so that
 * delay is short again where there are many calls, until it is what enough packets take. */
static double pacing_at(double packets_per_second, double most)
{
    double spare = SPARE_RATE / packets_per_second, enough = TOGETHER / packets_per_second;
    double pacing = most * spare * spare;
    if (pacing < enough)
        pacing = enough;
    return pacing < most ? pacing : most;
}

/* Sleeps until the next round. A packet waits for half the time between two rounds, and then for half of a round: that
 * both together are the pacing keeps its delay the same however long a round takes. */
static void pace(const struct relay *relay, double packets_per_second, double began)
{
    double pacing = pacing_at(packets_per_second, relay->pacing_seconds);
    double until = began + pacing - (monotonic_now() - began);
    struct timespec then = {(time_t)until, (long)((until - (double)(time_t)until) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

static unsigned play_round(struct relay *relay, double now, const struct epoll_event *events, int count)
{
    uint32_t interfaces = 0; /* that something came by, as bits */
    unsigned packets = 0;
    pthread_mutex_lock(&relay->lock);
    relay->forwarding.now = now;
    for (int i = 0; i < count; i++) {
        uint64_t token = events[i].data.u64;
        if (i % PREFETCHED == 0)
            prefetch_sip(relay, events + i, count - i);
        if (is_sip_token(token))
            packets += read_sip(relay, token);
        else if (token != TOKEN_STOP)
            interfaces |= 1u << (token - FIRST_BROWSER_TOKEN);
    }
    outbox_flush(&relay->forwarding.outbox);
    for (uint32_t i = 0; i < relay->interface_count; i++)
        if (interfaces & 1u << i)
            packets += read_browsers(relay, i);
    outbox_flush(&relay->forwarding.outbox);
    pthread_mutex_unlock(&relay->lock);
    return packets;
}

static void let_calls_in(struct relay *relay)
{
    while (atomic_load(&relay->waiting))
        sched_yield();
}

void *run_loop(void *argument)
{
    struct relay *relay = argument;
    struct epoll_event events[MOST_EVENTS];
    struct rate rate = {.since = monotonic_now()};
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_NAME, "media");
    prepare(&relay->inbox);
    while (!atomic_load_explicit(&relay->is_ending, memory_order_relaxed)) {
        int count = epoll_wait(relay->epoll, events, MOST_EVENTS, -1);
        if (count <= 0)
            continue; /* a signal */
        double began = monotonic_now();
        unsigned packets = play_round(relay, began, events, count);
        add_to_rate(&rate, packets, began);
        if (relay->pacing_seconds > 0 && rate.per_second > PACED_RATE && packets < BATCH * BROWSER_BATCHES)
            pace(relay, rate.per_second, began);
        let_calls_in(relay);
    }
    return NULL;
}
