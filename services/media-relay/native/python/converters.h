/* What crosses the door to Python, there and back. Converters are those of PyArg_ParseTuple; all set an exception. */
#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdbool.h>

#include "../relay.h"

/* (host, port) */
PyObject *address_to_python(const union address *address);
/* (host, port) or, of browsers, (host, port, interface); None for no address. */
int path_from_python(PyObject *object, void *path);
int address_from_python(PyObject *object, void *address);
/* The browser sockets among `struct relay_settings`. */
int sockets_from_python(PyObject *object, void *settings);
bool stream_from_python(PyObject *object, struct stream_sockets *stream);
/* To a `struct srtp_session *`; None for no SRTP. */
int srtp_from_python(PyObject *object, void *srtp);
/* What is read so far stands in the plan even where the rest cannot be read. */
bool plan_from_python(PyObject *object, struct plan *plan);

PyObject *entry_to_python(const struct ring_entry *entry, const uint8_t *bytes);
PyObject *counters_to_python(struct counters *counters);
PyObject *source_to_python(const struct source *source);
PyObject *peers_to_python(const struct session *session);
