/* Whole pictures: a wish for one ends here, and the other side is asked for it from here, in the way that it reads. */
#ifndef CORDBOARD_KEYFRAME_H
#define CORDBOARD_KEYFRAME_H

#include "forward.h"

/* A picture is large, and wishes come in numbers: those that follow within the time are passed over. */
#define KEYFRAME_PERIOD 0.5

/* Ask that side for a picture of the stream: by RTCP, or by way of the owner where it reads none. */
void keyframe_ask(struct forwarding *forwarding, struct session *session, struct stream *stream, enum side side);

#endif
