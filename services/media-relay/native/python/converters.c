/* What crosses the door to Python: `_native.pyi` says how each thing looks there. */
#include "converters.h"

#include <stdlib.h>
#include <string.h>

/* (host, port) */
PyObject *address_to_python(const union address *address)
{
    char host[ADDRESS_TEXT];
    address_print(address, host);
    return Py_BuildValue("(si)", host, address_port(address));
}

/* (host, port) or, of browsers, (host, port, interface); None for no address: a converter of PyArg_ParseTuple. */
int path_from_python(PyObject *object, void *into)
{
    struct path *path = into;
    const char *host;
    unsigned short port;
    memset(path, 0, sizeof *path);
    if (object == Py_None)
        return 1;
    if (!PyArg_ParseTuple(object, "sH|I", &host, &port, &path->interface))
        return 0;
    if (path->interface < MOST_INTERFACES && address_parse(&path->address, host, port))
        return 1;
    PyErr_Format(PyExc_ValueError, "not an IP address, or no interface: %s, %u", host, path->interface);
    return 0;
}

int address_from_python(PyObject *object, void *into)
{
    struct path path;
    if (!path_from_python(object, &path))
        return 0;
    *(union address *)into = path.address;
    return 1;
}

/* A tuple of descriptors: a converter of PyArg_ParseTuple. */
int sockets_from_python(PyObject *object, void *into)
{
    struct relay_settings *settings = into;
    Py_ssize_t count = PyTuple_Check(object) ? PyTuple_Size(object) : 0;
    memset(settings->browser_sockets, -1, sizeof settings->browser_sockets);
    if (count < 1 || count > MOST_INTERFACES) {
        PyErr_Format(PyExc_ValueError, "browser_sockets are a tuple of 1 to %d", MOST_INTERFACES);
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        settings->browser_sockets[i] = (int)PyLong_AsLong(PyTuple_GetItem(object, i));
    settings->interface_count = (uint32_t)count;
    return !PyErr_Occurred();
}

/* (rtp, rtcp, barred addresses) */
bool stream_from_python(PyObject *object, struct stream_sockets *stream)
{
    PyObject *barred;
    memset(stream, 0, sizeof *stream);
    if (!PyArg_ParseTuple(object, "iiO!", &stream->rtp, &stream->rtcp, &PyTuple_Type, &barred))
        return false;
    Py_ssize_t count = PyTuple_Size(barred);
    stream->barred = calloc((size_t)count + 1, sizeof *stream->barred);
    if (!stream->barred) {
        PyErr_NoMemory();
        return false;
    }
    stream->barred_count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!address_from_python(PyTuple_GetItem(barred, i), &stream->barred[i]))
            return false;
    return true;
}

/* (profile, receive, send), or None for no SRTP: a converter of PyArg_ParseTuple. */
int srtp_from_python(PyObject *object, void *into)
{
    struct srtp_session **srtp = into;
    int profile;
    const char *receive, *send;
    Py_ssize_t receive_length, send_length;
    *srtp = NULL;
    if (object == Py_None)
        return 1;
    if (!PyArg_ParseTuple(object, "iy#y#", &profile, &receive, &receive_length, &send, &send_length))
        return 0;
    *srtp = srtp_session_new((enum srtp_profile)profile, (const uint8_t *)receive, (size_t)receive_length,
                             (const uint8_t *)send, (size_t)send_length);
    if (!*srtp)
        PyErr_SetString(PyExc_ValueError, "these are no keys of the profile");
    return *srtp != NULL;
}

/* As _native.pyi says what each is. */
static char *PLAN_FIELDS[] = {
    "is_video",   "browser_sends", "sip_sends",     "answers_nack",     "sip_takes_nack", "sip_takes_pli",
    "sip_takes_fir", "sip_rtp",    "sip_rtcp",      "to_sip",           "to_browser",     "clock_rate",
    "sip_events", "events_to_sip", "sip_srtp",      NULL,
};

bool plan_from_python(PyObject *object, struct plan *plan)
{
    const char *to_sip, *to_browser, *sip_events;
    Py_ssize_t to_sip_length, to_browser_length, sip_events_length;
    memset(plan, 0, sizeof *plan);
    PyObject *nothing = PyTuple_New(0);
    int is_read = nothing && PyArg_ParseTupleAndKeywords(
        nothing, object, "$pppppppO&O&y#y#Iy#bO&", PLAN_FIELDS, &plan->is_video, &plan->browser_sends,
        &plan->sip_sends, &plan->answers_nack, &plan->sip_takes_nack, &plan->sip_takes_pli, &plan->sip_takes_fir,
        address_from_python, &plan->sip_rtp, address_from_python, &plan->sip_rtcp, &to_sip, &to_sip_length, &to_browser,
        &to_browser_length, &plan->clock_rate, &sip_events, &sip_events_length, &plan->events_to_sip,
        srtp_from_python, &plan->srtp);
    Py_XDECREF(nothing);
    if (!is_read)
        return false;
    if (to_sip_length != sizeof plan->to_sip || to_browser_length != sizeof plan->to_browser ||
        sip_events_length != sizeof plan->is_sip_event) {
        PyErr_SetString(PyExc_ValueError, "a payload type map has 128 bytes");
        return false;
    }
    memcpy(plan->to_sip, to_sip, sizeof plan->to_sip);
    memcpy(plan->to_browser, to_browser, sizeof plan->to_browser);
    for (size_t i = 0; i < sizeof plan->is_sip_event; i++)
        plan->is_sip_event[i] = sip_events[i];
    plan->is_used = true;
    return true;
}

PyObject *entry_to_python(const struct ring_entry *entry, const uint8_t *bytes)
{
    PyObject *session = entry->session == NO_SESSION ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(entry->session);
    char host[ADDRESS_TEXT];
    address_print(&entry->source.address, host);
    return Py_BuildValue("(iy#(siI)NI)", (int)entry->kind, (const char *)bytes, (Py_ssize_t)entry->length, host,
                         address_port(&entry->source.address), entry->source.interface, session, entry->stream);
}

/* Packets, bytes, drops and repairs, in the order of the enums. */
PyObject *counters_to_python(struct counters *counters)
{
    const size_t size = 2 * DIRECTIONS * PACKET_KINDS + DROPS + REPAIRS;
    PyObject *tuple = PyTuple_New((Py_ssize_t)size);
    counter *all = &counters->packets[0][0];
    for (size_t i = 0; tuple && i < size; i++)
        PyTuple_SetItem(tuple, (Py_ssize_t)i, PyLong_FromUnsignedLongLong(read_counter(&all[i])));
    return tuple;
}

static PyObject *none_unless(bool is_known, double value)
{
    return is_known ? PyFloat_FromDouble(value) : Py_NewRef(Py_None);
}

/* The fields of media_relay.core.statistics.SourceStatistics. */
PyObject *source_to_python(const struct source *source)
{
    const struct source_statistics *known = &source->heard.statistics;
    bool is_reported = known->reported_at != 0;
    return Py_BuildValue(
        "(isIKKIKddIKKNNNNN)", (int)source->heard.stream, source->side == SIDE_BROWSER ? "browser" : "sip",
        source->heard.ssrc, (unsigned long long)known->packets, (unsigned long long)known->octets,
        (unsigned)known->first, (unsigned long long)known->cycles + known->highest, known->jitter, known->last_heard,
        known->last_timestamp, (unsigned long long)known->sent_packets, (unsigned long long)known->sent_octets,
        known->sender_report_at != 0 ? Py_BuildValue("(Id)", known->sender_report, known->sender_report_at)
                                     : Py_NewRef(Py_None),
        none_unless(is_reported, known->reported_at), none_unless(is_reported, known->reported_loss / 256.0),
        is_reported ? PyLong_FromUnsignedLong(known->reported_jitter) : Py_NewRef(Py_None),
        none_unless(known->has_round_trip, known->round_trip));
}

/* Who was heard on the streams' ports: (stream, address) each. */
PyObject *peers_to_python(const struct session *session)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < 2 * session->stream_count; i++) {
        const struct stream *stream = &session->streams[i / 2];
        const union address *heard = i % 2 ? &stream->rtcp_latch.source : &stream->rtp_latch.source;
        if (!address_is_set(heard))
            continue;
        PyObject *peer = Py_BuildValue("(IN)", i / 2, address_to_python(heard));
        if (!peer || PyList_Append(list, peer) < 0)
            Py_CLEAR(list);
        Py_XDECREF(peer);
    }
    return list;
}
