/* A relay as Python holds it. Calls let go of the GIL before they take the relay's lock. */
#pragma once

#include "converters.h"

#define WITHOUT_GIL(...)                                                                                               \
    do {                                                                                                               \
        Py_BEGIN_ALLOW_THREADS __VA_ARGS__;                                                                            \
        Py_END_ALLOW_THREADS                                                                                           \
    } while (0)

typedef struct {
    PyObject_HEAD
    struct relay *relay; /* NULL: closed */
} Relay;

struct relay *opened(Relay *self);
/* The session in a slot, or NULL with an exception set. */
struct session *session_at(Relay *self, unsigned slot);
/* The slot and the stream that arguments begin with, checked. */
bool stream_at(Relay *self, unsigned slot, unsigned stream);
