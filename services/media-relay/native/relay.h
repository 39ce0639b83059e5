/* The relay: one thread that moves packets, and the calls by which its owner changes what it does.
 *
 * Both take the lock: the thread for a round, in which it handles what has come, a call for what it changes. Keys are
 * derived and memory is freed outside it. A call that waits is let in between two rounds.
 */
#ifndef CORDBOARD_RELAY_H
#define CORDBOARD_RELAY_H

#include <pthread.h>

#include "forward.h"
#include "ring.h"
#include "sources.h"
#include "ufrags.h"

#define MOST_INTERFACES 16

struct relay_settings {
    int browser_sockets[MOST_INTERFACES]; /* the relay's from then on */
    uint32_t interface_count;
    struct latch_policy latch_policy;
    double pacing_seconds; /* under load, the most that a packet is let wait; 0: rounds follow each other at once */
};

struct inbox {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    union address sources[BATCH];
    uint8_t buffers[BATCH][MOST_DATAGRAM];
};

/* A source as its owner reads of it. */
struct source {
    enum side side;
    struct heard heard;
};
#define MOST_SOURCES (2 * MOST_SSRCS)

/* What the owner names a session by: a slot, until it is removed. */
struct slot {
    struct session *session; /* NULL: free */
    uint32_t generation;     /* one more each time it is used, so that a late event finds nobody */
    uint32_t next_free;
};

struct relay {
    pthread_mutex_t lock;
    _Atomic int waiting; /* calls that want the lock */
    pthread_t thread;
    bool is_running;
    _Atomic bool is_ending;
    int epoll, stop_event;
    int browser_sockets[MOST_INTERFACES];
    uint32_t interface_count;
    struct slot *slots;
    uint32_t slot_count, first_free;
    struct source_map sources;
    struct ufrag_map ufrags;
    struct counters unattributed;
    double pacing_seconds;
    struct ring ring;
    struct forwarding forwarding;
    struct inbox inbox;
};

/* NULL without memory, descriptors or a thread; the browser sockets are then still the caller's. */
struct relay *relay_open(const struct relay_settings *settings);
/* Ends the thread and all sessions, closes all sockets. */
void relay_close(struct relay *relay);

/* Returns the slot, or -1 with nothing taken. */
int64_t relay_add_session(struct relay *relay, uint64_t number, const struct stream_sockets *streams, size_t count);
/* Takes the plans' SRTP sessions over. */
void relay_set_plans(struct relay *relay, uint32_t slot, struct plan *plans, size_t count);
/* Takes the SRTP session over; NULL: none. */
void relay_set_srtp(struct relay *relay, uint32_t slot, struct srtp_session *srtp);
/* Joins two streams, or with `other_slot` NO_SLOT parts one from its other. */
#define NO_SLOT UINT32_MAX
void relay_set_bridge(struct relay *relay, uint32_t slot, uint32_t stream, uint32_t other_slot, uint32_t other_stream);
/* RTCP of our own making: at most MOST_RTP octets, a stream that the session has. */
void relay_send_rtcp(struct relay *relay, uint32_t slot, uint32_t stream, enum side side, const uint8_t *packet,
                     size_t length);
/* Copies what is known of the sources whose media was heard, at most MOST_SOURCES. Returns how many. */
size_t relay_statistics(struct relay *relay, uint32_t slot, struct source *into);
void relay_request_keyframe(struct relay *relay, uint32_t slot, enum side side);
/* No browser; the SIP side of the other session is in its place, or with NO_SLOT nobody. */
void relay_set_headless(struct relay *relay, uint32_t slot, uint32_t partner_slot);
/* Whether a telephone-event, or media of ours, takes the place of the browser's media. */
void relay_set_event(struct relay *relay, uint32_t slot, uint32_t stream, bool begins);
void relay_send_own(struct relay *relay, uint32_t slot, uint32_t stream, uint8_t payload_type, const uint8_t *payload,
                    size_t length, bool marker, uint32_t later);
/* Checks that name one of these are the session's. False without memory. */
bool relay_set_ufrags(struct relay *relay, uint32_t slot, uint8_t (*ufrags)[UFRAG], size_t count);
bool relay_add_source(struct relay *relay, uint32_t slot, const struct path *source);
void relay_remove_source(struct relay *relay, uint32_t slot, const struct path *source);
void relay_set_destination(struct relay *relay, uint32_t slot, const struct path *destination);
/* The session is the caller's now: to read what it counted and whom it heard, then to be freed. */
struct session *relay_remove_session(struct relay *relay, uint32_t slot);
void relay_send(struct relay *relay, const uint8_t *datagram, size_t length, const struct path *destination);

static inline struct session *relay_session(const struct relay *relay, uint32_t slot)
{
    return slot < relay->slot_count ? relay->slots[slot].session : NULL;
}

#endif
