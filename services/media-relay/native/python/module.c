/* The door to Python: nothing outside this folder knows it. Calls let go of the GIL before they take the relay's lock. */
#include "converters.h"

#include <errno.h>
#include <stdlib.h>

#include "../crypto.h"

#define WITHOUT_GIL(...)                                                                                               \
    do {                                                                                                               \
        Py_BEGIN_ALLOW_THREADS __VA_ARGS__;                                                                            \
        Py_END_ALLOW_THREADS                                                                                           \
    } while (0)

typedef struct {
    PyObject_HEAD
    struct relay *relay; /* NULL: closed */
} Relay;

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
    static char *names[] = {"browser_sockets", "other_host_seconds", "settle_seconds", "probation_packets",
                            "unheard_packets_per_second", "pacing_seconds", NULL};
    struct relay_settings settings;
    struct latch_policy *policy = &settings.latch_policy;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&ddIId", names, sockets_from_python, &settings,
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
    if (relay)
        WITHOUT_GIL(relay_close(relay));
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
    WITHOUT_GIL(slot = relay_add_session(self->relay, number, streams, (size_t)count));
    if (slot >= 0)
        return PyLong_FromLongLong(slot);
    free_streams(streams, (size_t)count);
    return PyErr_Format(PyExc_OSError, "no room for a session");
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
        if (!plan_from_python(PyTuple_GetItem(tuple, i), &plans[i])) {
            for (Py_ssize_t made = 0; made <= i; made++)
                srtp_session_free(plans[made].srtp);
            return NULL;
        }
    WITHOUT_GIL(relay_set_plans(self->relay, slot, plans, (size_t)count));
    Py_RETURN_NONE;
}

static PyObject *set_keys(Relay *self, PyObject *args)
{
    unsigned slot;
    struct srtp_session *srtp;
    if (!PyArg_ParseTuple(args, "IO&", &slot, srtp_from_python, &srtp))
        return NULL;
    if (!session_at(self, slot)) {
        srtp_session_free(srtp);
        return NULL;
    }
    WITHOUT_GIL(relay_set_srtp(self->relay, slot, srtp));
    Py_RETURN_NONE;
}

static PyObject *ask_for_keyframe(Relay *self, PyObject *args)
{
    unsigned slot;
    int of_browser;
    if (!PyArg_ParseTuple(args, "Ip", &slot, &of_browser) || !session_at(self, slot))
        return NULL;
    WITHOUT_GIL(relay_request_keyframe(self->relay, slot, of_browser ? SIDE_BROWSER : SIDE_SIP));
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

static PyObject *send_rtcp(Relay *self, PyObject *args)
{
    unsigned slot, stream;
    int to_browser;
    const char *packet;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "IIpy#", &slot, &stream, &to_browser, &packet, &length) ||
        !stream_at(self, slot, stream))
        return NULL;
    if (length > MOST_RTP)
        return PyErr_Format(PyExc_ValueError, "RTCP has at most %d bytes", MOST_RTP);
    WITHOUT_GIL(relay_send_rtcp(self->relay, slot, stream, to_browser ? SIDE_BROWSER : SIDE_SIP,
                                (const uint8_t *)packet, (size_t)length));
    Py_RETURN_NONE;
}

static PyObject *set_bridge(Relay *self, PyObject *args)
{
    unsigned slot, stream, other_slot = NO_SLOT, other_stream = 0;
    if (!PyArg_ParseTuple(args, "II|II", &slot, &stream, &other_slot, &other_stream) ||
        !stream_at(self, slot, stream) || (other_slot != NO_SLOT && !stream_at(self, other_slot, other_stream)))
        return NULL;
    WITHOUT_GIL(relay_set_bridge(self->relay, slot, stream, other_slot, other_stream));
    Py_RETURN_NONE;
}

static PyObject *set_event(Relay *self, PyObject *args)
{
    unsigned slot, stream;
    int begins;
    if (!PyArg_ParseTuple(args, "IIp", &slot, &stream, &begins) || !stream_at(self, slot, stream))
        return NULL;
    WITHOUT_GIL(relay_set_event(self->relay, slot, stream, begins));
    Py_RETURN_NONE;
}

static PyObject *send_own_packet(Relay *self, PyObject *args)
{
    unsigned slot, stream, later;
    unsigned char payload_type;
    int marker;
    const char *payload;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "IIby#pI", &slot, &stream, &payload_type, &payload, &length, &marker, &later) ||
        !stream_at(self, slot, stream))
        return NULL;
    if (length > MOST_OWN_PAYLOAD)
        return PyErr_Format(PyExc_ValueError, "a payload has at most %d bytes", MOST_OWN_PAYLOAD);
    WITHOUT_GIL(relay_send_own(self->relay, slot, stream, payload_type, (const uint8_t *)payload, (size_t)length,
                               marker, later));
    Py_RETURN_NONE;
}

static PyObject *set_headless(Relay *self, PyObject *args)
{
    unsigned slot, partner_slot = NO_SLOT;
    if (!PyArg_ParseTuple(args, "I|I", &slot, &partner_slot) || !session_at(self, slot) ||
        (partner_slot != NO_SLOT && !session_at(self, partner_slot)))
        return NULL;
    WITHOUT_GIL(relay_set_headless(self->relay, slot, partner_slot));
    Py_RETURN_NONE;
}

static PyObject *set_source(Relay *self, PyObject *args)
{
    unsigned slot;
    struct path source;
    int is_its;
    if (!PyArg_ParseTuple(args, "IO&p", &slot, path_from_python, &source, &is_its) || !session_at(self, slot))
        return NULL;
    bool done = true;
    if (is_its)
        WITHOUT_GIL(done = relay_add_source(self->relay, slot, &source));
    else
        WITHOUT_GIL(relay_remove_source(self->relay, slot, &source));
    if (!done)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *set_destination(Relay *self, PyObject *args)
{
    unsigned slot;
    struct path destination;
    if (!PyArg_ParseTuple(args, "IO&", &slot, path_from_python, &destination) || !session_at(self, slot))
        return NULL;
    WITHOUT_GIL(relay_set_destination(self->relay, slot, &destination));
    Py_RETURN_NONE;
}

static PyObject *relay_counters(Relay *self, PyObject *args)
{
    unsigned slot = NO_SLOT;
    if (!PyArg_ParseTuple(args, "|I", &slot) || !opened(self) || (slot != NO_SLOT && !session_at(self, slot)))
        return NULL;
    struct session *session = relay_session(self->relay, slot);
    return counters_to_python(session ? &session->counters : &self->relay->unattributed);
}

static PyObject *relay_statistics_of(Relay *self, PyObject *args)
{
    unsigned slot;
    if (!PyArg_ParseTuple(args, "I", &slot) || !session_at(self, slot))
        return NULL;
    struct source *sources = malloc(MOST_SOURCES * sizeof *sources);
    if (!sources)
        return PyErr_NoMemory();
    size_t count;
    WITHOUT_GIL(count = relay_statistics(self->relay, slot, sources));
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *source = source_to_python(&sources[i]);
        if (!source || PyList_Append(list, source) < 0)
            Py_CLEAR(list);
        Py_XDECREF(source);
    }
    free(sources);
    return list;
}

static PyObject *relay_remove(Relay *self, PyObject *args)
{
    unsigned slot;
    if (!PyArg_ParseTuple(args, "I", &slot) || !session_at(self, slot))
        return NULL;
    struct session *session;
    WITHOUT_GIL(session = relay_remove_session(self->relay, slot));
    PyObject *counters = counters_to_python(&session->counters);
    PyObject *end = Py_BuildValue("(INN)", session->stream_count, counters, peers_to_python(session));
    session_free(session);
    return end;
}

static PyObject *send_datagram(Relay *self, PyObject *args)
{
    const char *datagram;
    Py_ssize_t length;
    struct path destination;
    if (!PyArg_ParseTuple(args, "y#O&", &datagram, &length, path_from_python, &destination) || !opened(self))
        return NULL;
    WITHOUT_GIL(relay_send(self->relay, (const uint8_t *)datagram, (size_t)length, &destination));
    Py_RETURN_NONE;
}

#define METHOD(name, function, flags) {name, (PyCFunction)(void (*)(void))function, flags, NULL}

static PyMethodDef methods[] = {
    METHOD("fileno", relay_fileno, METH_NOARGS),
    METHOD("drain", relay_drain, METH_VARARGS),
    METHOD("add_session", relay_add, METH_VARARGS),
    METHOD("set_streams", set_plans, METH_VARARGS),
    METHOD("set_keys", set_keys, METH_VARARGS),
    METHOD("set_bridge", set_bridge, METH_VARARGS),
    METHOD("request_keyframe", ask_for_keyframe, METH_VARARGS),
    METHOD("send_rtcp", send_rtcp, METH_VARARGS),
    METHOD("set_event", set_event, METH_VARARGS),
    METHOD("send_own", send_own_packet, METH_VARARGS),
    METHOD("set_headless", set_headless, METH_VARARGS),
    METHOD("set_source", set_source, METH_VARARGS),
    METHOD("set_destination", set_destination, METH_VARARGS),
    METHOD("remove_session", relay_remove, METH_VARARGS),
    METHOD("send", send_datagram, METH_VARARGS),
    METHOD("counters", relay_counters, METH_VARARGS),
    METHOD("statistics", relay_statistics_of, METH_VARARGS),
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
    return done < 0 || PyModule_AddStringConstant(module, "DROPS", DROP_NAMES) < 0
               ? -1
               : PyModule_AddStringConstant(module, "REPAIRS", REPAIR_NAMES);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "media_relay._native", .m_size = 0, .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
