/* What Python has the relay send: packets of its own making, and the browsers' datagrams that are no media. */
#include "sending.h"

PyObject *py_request_keyframe(Relay *self, PyObject *args)
{
    unsigned slot;
    int of_browser;
    if (!PyArg_ParseTuple(args, "Ip", &slot, &of_browser) || !session_at(self, slot))
        return NULL;
    WITHOUT_GIL(relay_request_keyframe(self->relay, slot, of_browser ? SIDE_BROWSER : SIDE_SIP));
    Py_RETURN_NONE;
}

PyObject *py_send_rtcp(Relay *self, PyObject *args)
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

PyObject *py_set_event(Relay *self, PyObject *args)
{
    unsigned slot, stream;
    int begins;
    if (!PyArg_ParseTuple(args, "IIp", &slot, &stream, &begins) || !stream_at(self, slot, stream))
        return NULL;
    WITHOUT_GIL(relay_set_event(self->relay, slot, stream, begins));
    Py_RETURN_NONE;
}

PyObject *py_send_own(Relay *self, PyObject *args)
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

PyObject *py_send_datagram(Relay *self, PyObject *args)
{
    const char *datagram;
    Py_ssize_t length;
    struct path destination;
    if (!PyArg_ParseTuple(args, "y#O&", &datagram, &length, path_from_python, &destination) || !opened(self))
        return NULL;
    WITHOUT_GIL(relay_send(self->relay, (const uint8_t *)datagram, (size_t)length, &destination));
    Py_RETURN_NONE;
}
