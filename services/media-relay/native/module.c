/* The door to Python: the only file that knows it. Calls let go of the GIL before they take the relay's lock. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "relay.h"

typedef struct {
    PyObject_HEAD
    struct relay *relay; /* NULL: closed */
} Relay;

static PyObject *drop_names(void)
{
    static const char *const names[DROPS] = {DROP_NAMES};
    PyObject *tuple = PyTuple_New(DROPS);
    for (Py_ssize_t i = 0; tuple && i < DROPS; i++)
        PyTuple_SetItem(tuple, i, PyUnicode_FromString(names[i]));
    return tuple;
}

/* (host, port) */
static PyObject *address_to_python(const union address *address)
{
    char host[ADDRESS_TEXT];
    address_print(address, host);
    return Py_BuildValue("(si)", host, address_port(address));
}

/* (host, port), or None for no address: a converter of PyArg_ParseTuple. */
static int address_from_python(PyObject *object, void *into)
{
    union address *address = into;
    const char *host;
    unsigned short port;
    memset(address, 0, sizeof *address);
    if (object == Py_None)
        return 1;
    if (!PyTuple_Check(object) || !PyArg_ParseTuple(object, "sH", &host, &port)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "an address is a host and a port");
        return 0;
    }
    if (address_parse(address, host, port))
        return 1;
    PyErr_Format(PyExc_ValueError, "not an IP address: %s", host);
    return 0;
}

static struct relay *opened(Relay *self)
{
    if (!self->relay)
        PyErr_SetString(PyExc_ValueError, "the relay is closed");
    return self->relay;
}

/* The session in a slot, or NULL with an exception set. */
static struct session *session_at(Relay *self, unsigned slot)
{
    struct relay *relay = opened(self);
    struct session *session = relay ? relay_session(relay, slot) : NULL;
    if (relay && !session)
        PyErr_Format(PyExc_KeyError, "no session in slot %u", slot);
    return session;
}

static PyObject *relay_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"browser_socket", "other_host_seconds", "settle_seconds", "probation_packets",
                            "unheard_packets_per_second", "pacing_seconds", NULL};
    struct relay_settings settings;
    struct latch_policy *policy = &settings.latch_policy;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iddIId", names, &settings.browser_socket,
                                     &policy->other_host_seconds, &policy->settle_seconds,
                                     &policy->probation_packets, &policy->unheard_packets_per_second,
                                     &settings.pacing_seconds))
        return NULL;
    if (!(settings.pacing_seconds >= 0 && settings.pacing_seconds < 1))
        return PyErr_Format(PyExc_ValueError, "pacing_seconds is less than a second");
    const char *missing = crypto_open();
    if (missing)
        return PyErr_Format(PyExc_OSError, "libcrypto: %s", missing);
    struct relay *relay = relay_open(&settings);
    if (!relay)
        return PyErr_SetFromErrno(PyExc_OSError);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Relay *self = (Relay *)allocate(type, 0);
    if (self)
        self->relay = relay;
    else
        relay_close(relay);
    return (PyObject *)self;
}

static PyObject *close_relay(Relay *self, PyObject *unused)
{
    (void)unused;
    struct relay *relay = self->relay;
    self->relay = NULL;
    if (relay) {
        Py_BEGIN_ALLOW_THREADS
        relay_close(relay);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

static void relay_dealloc(Relay *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    if (self->relay)
        relay_close(self->relay);
    release(self);
    Py_DECREF(type);
}

static PyObject *relay_fileno(Relay *self, PyObject *unused)
{
    (void)unused;
    return opened(self) ? PyLong_FromLong(self->relay->ring.event) : NULL;
}

static PyObject *entry_to_python(const struct ring_entry *entry, const uint8_t *bytes)
{
    PyObject *session = entry->session == NO_SESSION ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(entry->session);
    return Py_BuildValue("(iy#NNI)", (int)entry->kind, (const char *)bytes, (Py_ssize_t)entry->length,
                         address_to_python(&entry->source), session, entry->stream);
}

static PyObject *relay_drain(Relay *self, PyObject *args)
{
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "n", &most) || !opened(self))
        return NULL;
    struct ring *ring = &self->relay->ring;
    PyObject *list = PyList_New(0);
    while (list && most-- > 0) {
        const uint8_t *bytes;
        const struct ring_entry *entry = ring_peek(ring, &bytes);
        if (!entry && ring_arm(ring))
            break;
        if (!entry)
            continue;
        PyObject *item = entry_to_python(entry, bytes);
        ring_drop(ring, entry);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static void free_streams(struct stream_sockets *streams, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(streams[i].barred);
}

/* (rtp, rtcp, barred addresses) */
static bool stream_from_python(PyObject *object, struct stream_sockets *stream)
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

static PyObject *relay_add(Relay *self, PyObject *args)
{
    unsigned long long number;
    PyObject *tuple;
    struct stream_sockets streams[MOST_STREAMS];
    if (!PyArg_ParseTuple(args, "KO!", &number, &PyTuple_Type, &tuple) || !opened(self))
        return NULL;
    Py_ssize_t count = PyTuple_Size(tuple);
    if (count > MOST_STREAMS)
        return PyErr_Format(PyExc_ValueError, "more than %d streams", MOST_STREAMS);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!stream_from_python(PyTuple_GetItem(tuple, i), &streams[i])) {
            free_streams(streams, (size_t)i + 1);
            return NULL;
        }
    int64_t slot;
    Py_BEGIN_ALLOW_THREADS
    slot = relay_add_session(self->relay, number, streams, (size_t)count);
    Py_END_ALLOW_THREADS
    if (slot >= 0)
        return PyLong_FromLongLong(slot);
    free_streams(streams, (size_t)count);
    return PyErr_Format(PyExc_OSError, "no room for a session");
}

/* As _native.pyi says what a plan is. */
static bool plan_from_python(PyObject *object, struct plan *plan)
{
    int is_video, browser_sends, sip_sends, answers_nack, sip_takes_nack, sip_takes_pli, sip_takes_fir;
    const char *to_sip, *to_browser, *sip_events;
    Py_ssize_t to_sip_length, to_browser_length, sip_events_length;
    memset(plan, 0, sizeof *plan);
    if (!PyArg_ParseTuple(object, "pppppppIO&O&y#y#Iy#b", &is_video, &browser_sends, &sip_sends, &answers_nack,
                          &sip_takes_nack, &sip_takes_pli, &sip_takes_fir, &plan->browser_bit_rate, address_from_python,
                          &plan->sip_rtp, address_from_python, &plan->sip_rtcp, &to_sip, &to_sip_length, &to_browser,
                          &to_browser_length, &plan->clock_rate, &sip_events, &sip_events_length,
                          &plan->events_to_sip))
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
    plan->is_video = is_video;
    plan->browser_sends = browser_sends;
    plan->sip_sends = sip_sends;
    plan->answers_nack = answers_nack;
    plan->sip_takes_nack = sip_takes_nack;
    plan->sip_takes_pli = sip_takes_pli;
    plan->sip_takes_fir = sip_takes_fir;
    return true;
}

static PyObject *set_plans(Relay *self, PyObject *args)
{
    unsigned slot;
    PyObject *tuple;
    struct plan plans[MOST_STREAMS];
    if (!PyArg_ParseTuple(args, "IO!", &slot, &PyTuple_Type, &tuple) || !session_at(self, slot))
        return NULL;
    Py_ssize_t count = PyTuple_Size(tuple);
    if (count > MOST_STREAMS)
        return PyErr_Format(PyExc_ValueError, "more than %d streams", MOST_STREAMS);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!plan_from_python(PyTuple_GetItem(tuple, i), &plans[i]))
            return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_set_plans(self->relay, slot, plans, (size_t)count);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *set_keys(Relay *self, PyObject *args)
{
    unsigned slot;
    int profile;
    const char *receive, *send;
    Py_ssize_t receive_length, send_length;
    struct srtp_session *srtp = NULL;
    if (!PyArg_ParseTuple(args, "Iiy#y#", &slot, &profile, &receive, &receive_length, &send, &send_length) ||
        !session_at(self, slot))
        return NULL;
    if (profile >= 0) {
        srtp = srtp_session_new((enum srtp_profile)profile, (const uint8_t *)receive, (size_t)receive_length,
                                (const uint8_t *)send, (size_t)send_length);
        if (!srtp)
            return PyErr_Format(PyExc_ValueError, "these are no keys of the profile");
    }
    Py_BEGIN_ALLOW_THREADS
    relay_set_srtp(self->relay, slot, srtp);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *ask_for_keyframe(Relay *self, PyObject *args)
{
    unsigned slot;
    int of_browser;
    if (!PyArg_ParseTuple(args, "Ip", &slot, &of_browser) || !session_at(self, slot))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_request_keyframe(self->relay, slot, of_browser ? SIDE_BROWSER : SIDE_SIP);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The slot and the stream that arguments begin with, checked. */
static bool stream_at(Relay *self, unsigned slot, unsigned stream)
{
    struct session *session = session_at(self, slot);
    if (session && stream >= session->stream_count)
        PyErr_Format(PyExc_IndexError, "no stream %u", stream);
    return session && stream < session->stream_count;
}

static PyObject *set_event(Relay *self, PyObject *args)
{
    unsigned slot, stream;
    int begins;
    if (!PyArg_ParseTuple(args, "IIp", &slot, &stream, &begins) || !stream_at(self, slot, stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_set_event(self->relay, slot, stream, begins);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *send_event_packet(Relay *self, PyObject *args)
{
    unsigned slot, stream, later;
    int marker;
    const char *payload;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "IIy#pI", &slot, &stream, &payload, &length, &marker, &later) ||
        !stream_at(self, slot, stream))
        return NULL;
    if (length > MOST_EVENT_PAYLOAD)
        return PyErr_Format(PyExc_ValueError, "an event has at most %d bytes", MOST_EVENT_PAYLOAD);
    Py_BEGIN_ALLOW_THREADS
    relay_send_event(self->relay, slot, stream, (const uint8_t *)payload, (size_t)length, marker, later);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *add_source(Relay *self, PyObject *args)
{
    unsigned slot;
    union address source;
    if (!PyArg_ParseTuple(args, "IO&", &slot, address_from_python, &source) || !session_at(self, slot))
        return NULL;
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = relay_add_source(self->relay, slot, &source);
    Py_END_ALLOW_THREADS
    if (!done)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *remove_source(Relay *self, PyObject *args)
{
    unsigned slot;
    union address source;
    if (!PyArg_ParseTuple(args, "IO&", &slot, address_from_python, &source) || !session_at(self, slot))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_remove_source(self->relay, slot, &source);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *set_destination(Relay *self, PyObject *args)
{
    unsigned slot;
    union address destination;
    if (!PyArg_ParseTuple(args, "IO&", &slot, address_from_python, &destination) || !session_at(self, slot))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_set_destination(self->relay, slot, &destination);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* Packets, bytes and drops, in the order of the enums. */
static PyObject *counters_to_python(struct counters *counters)
{
    const size_t size = 2 * DIRECTIONS * PACKET_KINDS + DROPS;
    PyObject *tuple = PyTuple_New((Py_ssize_t)size);
    counter *all = &counters->packets[0][0];
    for (size_t i = 0; tuple && i < size; i++)
        PyTuple_SetItem(tuple, (Py_ssize_t)i, PyLong_FromUnsignedLongLong(read_counter(&all[i])));
    return tuple;
}

static PyObject *relay_counters(Relay *self, PyObject *args)
{
    unsigned slot;
    if (!PyArg_ParseTuple(args, "I", &slot))
        return NULL;
    struct session *session = session_at(self, slot);
    return session ? counters_to_python(&session->counters) : NULL;
}

static PyObject *relay_unattributed(Relay *self, PyObject *unused)
{
    (void)unused;
    return opened(self) ? counters_to_python(&self->relay->unattributed) : NULL;
}

/* Who was heard on a stream's ports. */
static PyObject *peers_to_python(const struct stream *stream)
{
    PyObject *list = PyList_New(0);
    const union address *const heard[] = {&stream->rtp_latch.source, &stream->rtcp_latch.source};
    for (int i = 0; list && i < 2; i++) {
        if (!address_is_set(heard[i]))
            continue;
        PyObject *address = address_to_python(heard[i]);
        if (!address || PyList_Append(list, address) < 0)
            Py_CLEAR(list);
        Py_XDECREF(address);
    }
    return list;
}

static PyObject *relay_remove(Relay *self, PyObject *args)
{
    unsigned slot;
    if (!PyArg_ParseTuple(args, "I", &slot) || !session_at(self, slot))
        return NULL;
    struct session *session;
    Py_BEGIN_ALLOW_THREADS
    session = relay_remove_session(self->relay, slot);
    Py_END_ALLOW_THREADS
    PyObject *peers = PyList_New(0);
    for (uint32_t i = 0; peers && i < session->stream_count; i++) {
        PyObject *heard = peers_to_python(&session->streams[i]);
        if (!heard || PyList_Append(peers, heard) < 0)
            Py_CLEAR(peers);
        Py_XDECREF(heard);
    }
    PyObject *end = peers ? Py_BuildValue("(NN)", counters_to_python(&session->counters), peers) : NULL;
    session_free(session);
    return end;
}

static PyObject *send_datagram(Relay *self, PyObject *args)
{
    const char *datagram;
    Py_ssize_t length;
    union address destination;
    if (!PyArg_ParseTuple(args, "y#O&", &datagram, &length, address_from_python, &destination) || !opened(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_send(self->relay, (const uint8_t *)datagram, (size_t)length, &destination);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

#define METHOD(name, function, flags) {name, (PyCFunction)(void (*)(void))function, flags, NULL}

static PyMethodDef methods[] = {
    METHOD("fileno", relay_fileno, METH_NOARGS),
    METHOD("drain", relay_drain, METH_VARARGS),
    METHOD("add_session", relay_add, METH_VARARGS),
    METHOD("set_streams", set_plans, METH_VARARGS),
    METHOD("set_keys", set_keys, METH_VARARGS),
    METHOD("request_keyframe", ask_for_keyframe, METH_VARARGS),
    METHOD("set_event", set_event, METH_VARARGS),
    METHOD("send_event", send_event_packet, METH_VARARGS),
    METHOD("add_source", add_source, METH_VARARGS),
    METHOD("remove_source", remove_source, METH_VARARGS),
    METHOD("set_destination", set_destination, METH_VARARGS),
    METHOD("remove_session", relay_remove, METH_VARARGS),
    METHOD("send", send_datagram, METH_VARARGS),
    METHOD("counters", relay_counters, METH_VARARGS),
    METHOD("unattributed", relay_unattributed, METH_NOARGS),
    METHOD("close", close_relay, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, relay_new},
    {Py_tp_dealloc, relay_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec relay_spec = {
    .name = "media_relay._native.Relay",
    .basicsize = sizeof(Relay),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static int fill(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&relay_spec);
    int done = type ? PyModule_AddObjectRef(module, "Relay", type) : -1;
    Py_XDECREF(type);
    PyObject *names = drop_names();
    done = done < 0 || !names ? -1 : PyModule_AddObjectRef(module, "DROPS", names);
    Py_XDECREF(names);
    return done;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "media_relay._native", .m_size = 0, .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
