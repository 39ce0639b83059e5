/* Sessions as the packet path sees them, and how they are changed. */
#include "session.h"

#include "prefetch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repair.h"

struct session *session_new(uint64_t number, const struct stream_sockets *streams, size_t count)
{
    struct session *session = calloc(1, sizeof *session + count * sizeof *session->streams);
    if (!session)
        return NULL;
    session->number = number;
    session->stream_count = (uint32_t)count;
    memset(session->by_browser_pt, NO_STREAM, sizeof session->by_browser_pt);
    for (size_t i = 0; i < count; i++) {
        struct stream *stream = &session->streams[i];
        stream->rtp_socket = streams[i].rtp;
        stream->rtcp_socket = streams[i].rtcp;
        stream->barred = streams[i].barred;
        stream->rtp_latch.barred = streams[i].barred;
        stream->rtp_latch.barred_count = streams[i].barred_count;
    }
    return session;
}

void session_free(struct session *session)
{
    for (uint32_t i = 0; i < session->stream_count; i++) {
        close(session->streams[i].rtp_socket);
        close(session->streams[i].rtcp_socket);
        free(session->streams[i].barred);
        free(session->streams[i].repair);
        srtp_session_free(session->streams[i].kept_srtp);
    }
    srtp_session_free(session->srtp);
    free(session->browser_ssrcs.of);
    free(session->sip_ssrcs.of);
    free(session->sources);
    free(session);
}

/* Memory that is not touched costs nothing, and audio has none. Without memory there is no repair. */
static void prepare_repair(struct stream *stream)
{
    if (!stream->repair && (stream->plan.answers_nack || stream->plan.sip_takes_nack))
        stream->repair = calloc(1, sizeof *stream->repair);
    stream->plan.answers_nack &= stream->repair != NULL;
    stream->plan.sip_takes_nack &= stream->repair != NULL;
}

/* Begun anew under a key that was used before, the keystream of old packets would serve new ones. What was sent under
 * another key cannot be sent again. */
static void take_srtp(struct stream *stream, const struct srtp_session *former, struct srtp_session **given)
{
    bool sends_on = !former && !*given;
    if (*given) {
        struct srtp_session *before = srtp_session_keep(&stream->kept_srtp, *given);
        sends_on = before && former == before;
        *given = before;
    }
    if (!sends_on && stream->repair)
        send_buffer_clear(&stream->repair->to_sip);
}

void session_set_plans(struct session *session, struct plan *plans, size_t count, double now)
{
    static const struct plan unused;
    memset(session->by_browser_pt, NO_STREAM, sizeof session->by_browser_pt);
    session->has_browser_pt = false;
    for (uint32_t i = 0; i < session->stream_count; i++) {
        struct stream *stream = &session->streams[i];
        const struct srtp_session *former = stream->plan.srtp;
        struct srtp_session *none = NULL;
        stream->plan = i < count ? plans[i] : unused;
        prepare_repair(stream);
        take_srtp(stream, former, i < count ? &plans[i].srtp : &none);
        rtp_latch_expect(&stream->rtp_latch, &stream->plan.sip_rtp, now);
        rtcp_latch_expect(&stream->rtcp_latch, &stream->plan.sip_rtcp);
        for (int payload_type = 0; stream->plan.is_used && payload_type < 128; payload_type++) {
            if (stream->plan.to_sip[payload_type] == NO_PAYLOAD_TYPE)
                continue;
            session->has_browser_pt = true;
            if (session->by_browser_pt[payload_type] == NO_STREAM)
                session->by_browser_pt[payload_type] = (int8_t)i;
        }
    }
}

struct srtp_session *session_set_srtp(struct session *session, struct srtp_session *srtp)
{
    struct srtp_session *before = session->srtp;
    session->srtp = srtp;
    session->browser_ssrcs.count = 0;
    session->sip_ssrcs.count = 0;
    for (uint32_t i = 0; i < session->stream_count; i++)
        if (session->streams[i].repair) /* what it holds was protected with the old keys */
            send_buffer_clear(&session->streams[i].repair->to_browser);
    return before;
}

void sessions_prefetch(struct session *const *sessions, unsigned count)
{
    /* A call has one stream, or its first is the audio. What follows of the latch is for newcomers. */
    const size_t hot = offsetof(struct session, streams) + offsetof(struct stream, rtp_latch.barred);
    for (unsigned i = 0; i < count; i++)
        if (sessions[i])
            prefetch(sessions[i], hot);
    for (unsigned i = 0; i < count; i++)
        if (sessions[i] && sessions[i]->srtp)
            srtp_prefetch(sessions[i]->srtp);
    for (unsigned i = 0; i < count; i++)
        if (sessions[i] && sessions[i]->srtp)
            srtp_prefetch_parts(sessions[i]->srtp);
}

bool stream_has_heard(const struct stream *stream, const union address *host)
{
    return address_is_set(host) &&
           (address_same_host(&stream->rtp_latch.source, host) || address_same_host(&stream->rtcp_latch.source, host));
}

struct heard *ssrc_find(const struct ssrc_table *table, uint32_t ssrc)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->of[i].ssrc == ssrc)
            return &table->of[i];
    return NULL;
}

bool ssrc_has_room(const struct ssrc_table *table, uint32_t ssrc)
{
    return table->count < MOST_SSRCS || ssrc_find(table, ssrc);
}

struct heard *ssrc_add(struct ssrc_table *table, uint32_t ssrc)
{
    struct heard *found = ssrc_find(table, ssrc);
    if (found)
        return found;
    if (table->count == table->room) {
        uint32_t room = table->room ? 2 * table->room : 2;
        struct heard *larger = realloc(table->of, room * sizeof *larger);
        if (!larger)
            return NULL;
        table->of = larger;
        table->room = room;
    }
    found = &table->of[table->count++];
    *found = (struct heard){.ssrc = ssrc, .stream = NO_STREAM};
    return found;
}
