/* What every call from Python begins with: is the relay open, is there such a session, such a stream? */
#include "relay_object.h"

struct relay *opened(Relay *self)
{
    if (!self->relay)
        PyErr_SetString(PyExc_ValueError, "the relay is closed");
    return self->relay;
}

struct session *session_at(Relay *self, unsigned slot)
{
    struct relay *relay = opened(self);
    struct session *session = relay ? relay_session(relay, slot) : NULL;
    if (relay && !session)
        PyErr_Format(PyExc_KeyError, "no session in slot %u", slot);
    return session;
}

bool stream_at(Relay *self, unsigned slot, unsigned stream)
{
    struct session *session = session_at(self, slot);
    if (session && stream >= session->stream_count)
        PyErr_Format(PyExc_IndexError, "no stream %u", stream);
    return session && stream < session->stream_count;
}
