/* The door to Python: nothing outside this folder knows it. */
#include "sending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto.h"

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

static PyObject *set_bridge(Relay *self, PyObject *args)
{
    unsigned slot, stream, other_slot = NO_SLOT, other_stream = 0;
    if (!PyArg_ParseTuple(args, "II|II", &slot, &stream, &other_slot, &other_stream) ||
        !stream_at(self, slot, stream) || (other_slot != NO_SLOT && !stream_at(self, other_slot, other_stream)))
        return NULL;
    WITHOUT_GIL(relay_set_bridge(self->relay, slot, stream, other_slot, other_stream));
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

static PyObject *set_ufrags(Relay *self, PyObject *args)
{
    unsigned slot;
    const char *given[MOST_UFRAGS] = {NULL};
    Py_ssize_t lengths[MOST_UFRAGS] = {UFRAG, UFRAG};
    uint8_t ufrags[MOST_UFRAGS][UFRAG];
    size_t count = 0;
    if (!PyArg_ParseTuple(args, "I|s#s#", &slot, &given[0], &lengths[0], &given[1], &lengths[1]) ||
        !session_at(self, slot))
        return NULL;
    for (; count < MOST_UFRAGS && given[count]; count++) {
        if (lengths[count] != UFRAG)
            return PyErr_Format(PyExc_ValueError, "a fragment of ours has %d characters", UFRAG);
        memcpy(ufrags[count], given[count], UFRAG);
    }
    bool done;
    WITHOUT_GIL(done = relay_set_ufrags(self->relay, slot, ufrags, count));
    if (!done)
        return PyErr_NoMemory();
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

#define METHOD(name, function, flags) {name, (PyCFunction)(void (*)(void))function, flags, NULL}

static PyMethodDef methods[] = {
    METHOD("fileno", relay_fileno, METH_NOARGS),
    METHOD("drain", relay_drain, METH_VARARGS),
    METHOD("add_session", relay_add, METH_VARARGS),
    METHOD("set_streams", set_plans, METH_VARARGS),
    METHOD("set_keys", set_keys, METH_VARARGS),
    METHOD("set_bridge", set_bridge, METH_VARARGS),
    METHOD("request_keyframe", py_request_keyframe, METH_VARARGS),
    METHOD("send_rtcp", py_send_rtcp, METH_VARARGS),
    METHOD("set_event", py_set_event, METH_VARARGS),
    METHOD("send_own", py_send_own, METH_VARARGS),
    METHOD("set_headless", set_headless, METH_VARARGS),
    METHOD("set_ufrags", set_ufrags, METH_VARARGS),
    METHOD("set_source", set_source, METH_VARARGS),
    METHOD("set_destination", set_destination, METH_VARARGS),
    METHOD("remove_session", relay_remove, METH_VARARGS),
    METHOD("send", py_send_datagram, METH_VARARGS),
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
