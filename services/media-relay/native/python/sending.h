/* The methods of a relay by which something is sent; the names without `py_` are the relay's own. */
#pragma once

#include "relay_object.h"

PyObject *py_request_keyframe(Relay *self, PyObject *args);
PyObject *py_send_rtcp(Relay *self, PyObject *args);
PyObject *py_set_event(Relay *self, PyObject *args);
PyObject *py_send_own(Relay *self, PyObject *args);
PyObject *py_send_datagram(Relay *self, PyObject *args);
