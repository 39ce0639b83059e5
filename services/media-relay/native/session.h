/* Sessions as the packet path sees them, and how they are changed. Everything here is under the relay's lock. */
#ifndef CORDBOARD_SESSION_H
#define CORDBOARD_SESSION_H

#include "allowance.h"
#include "counters.h"
#include "latch.h"
#include "outgoing.h"
#include "packet.h"
#include "srtp.h"
#include "statistics.h"
#include "stun.h"

/* Each SSRC costs state for as long as the session lives. A call has a few, a transfer adds some. */
#define MOST_SSRCS 256
#define MOST_STREAMS 16
#define MOST_UFRAGS 2 /* of the transport in use, and of the one that is to follow it */
#define NO_STREAM (-1)
#define NO_PAYLOAD_TYPE 0xFF
#define EVENT_PAYLOAD_TYPE 0xFE /* in `to_sip`: telephone-events, which are handed up instead */

enum side { SIDE_BROWSER, SIDE_SIP, SIDES };

/* What the owner says about a stream. */
struct plan {
    int is_used, is_video, browser_sends, sip_sends, answers_nack, sip_takes_nack, sip_takes_pli, sip_takes_fir;
    union address sip_rtp, sip_rtcp;
    uint8_t to_sip[128], to_browser[128]; /* payload types, or NO_PAYLOAD_TYPE */
    struct srtp_session *srtp;            /* of the SIP side (RFC 4568); NULL: plain RTP */
    bool is_sip_event[128];
    uint8_t events_to_sip; /* or NO_PAYLOAD_TYPE */
    uint32_t clock_rate;
};

struct repair;

/* What each packet needs comes first: see sessions_prefetch. */
struct stream {
    int rtp_socket, rtcp_socket;
    struct repair *repair; /* there where a plan ever wanted it */
    struct outgoing_source outgoing;
    struct plan plan;
    struct srtp_session *kept_srtp; /* all there have been: their keys may come again */
    struct bridge {
        struct session *session; /* NULL: none */
        uint32_t stream;
    } bridge; /* with another session's stream, instead of the sockets */
    struct rtp_latch rtp_latch;
    struct rtcp_latch rtcp_latch;
    union address *barred; /* the RTP latch's */
    struct allowance events[SIDES]; /* packets that are handed up */
    struct allowance unheard;
    double keyframe_asked_at[2]; /* by enum side */
    uint8_t pictures_asked;      /* by FIR */
};

/* Which stream an SSRC belongs to, in the order in which they were heard. */
struct ssrc_table {
    struct heard {
        uint32_t ssrc;
        int32_t stream; /* NO_STREAM: seen in RTCP only */
        struct source_statistics statistics;
    } *of;
    uint32_t count, room;
};

struct session {
    uint64_t number; /* the owner's name for it */
    struct path destination;
    struct srtp_session *srtp;
    bool is_headless;        /* there is no browser, but perhaps a partner in its place */
    struct session *partner; /* whose SIP side gets what ours sends, and the other way round */
    struct allowance of_partner;
    struct counters counters;
    struct ssrc_table browser_ssrcs, sip_ssrcs;
    struct path *sources; /* of the browser, as in the relay's map */
    uint32_t source_count, source_room;
    uint8_t ufrags[MOST_UFRAGS][UFRAG]; /* as in the relay's map */
    uint32_t ufrag_count;
    struct allowance newcomers; /* checks from where no valid one has come from, */
    struct allowance checks;    /* from where one has, */
    struct allowance handshake; /* and DTLS from there */
    int8_t by_browser_pt[128];
    bool has_browser_pt;
    uint32_t stream_count;
    struct stream streams[];
};

/* What is handed to the relay for one stream; it owns the sockets from then on. */
struct stream_sockets {
    int rtp, rtcp;
    union address *barred; /* owned too */
    size_t barred_count;
};

struct session *session_new(uint64_t number, const struct stream_sockets *streams, size_t count);
/* Closes the sockets, wipes the keys. */
void session_free(struct session *session);

/* Takes the plans' SRTP sessions over, and leaves in their places those to be freed, outside the lock. */
void session_set_plans(struct session *session, struct plan *plans, size_t count, double now);
/* Returns the SRTP that was there before, to be freed outside the lock. */
struct srtp_session *session_set_srtp(struct session *session, struct srtp_session *srtp);

/* Whether somebody on that host has been heard on one of the stream's ports. */
bool stream_has_heard(const struct stream *stream, const union address *host);

struct heard *ssrc_find(const struct ssrc_table *table, uint32_t ssrc);
/* Whether it is known or there is room. */
bool ssrc_has_room(const struct ssrc_table *table, uint32_t ssrc);
/* Begin to load what packets of these sessions will read. */
void sessions_prefetch(struct session *const *sessions, unsigned count);

/* Finds or adds; NULL without memory. */
struct heard *ssrc_add(struct ssrc_table *table, uint32_t ssrc);

static inline void session_drop(struct session *session, enum drop reason)
{
    count(&session->counters.drops[reason], 1);
}

#endif
