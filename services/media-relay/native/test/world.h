/* A relay without sockets and two of its sessions: a browser and a phone each, whose ends are the test's. */
#ifndef CORDBOARD_TEST_WORLD_H
#define CORDBOARD_TEST_WORLD_H

#include "../loop.h"
#include "packets.h"

struct world {
    struct relay *relay;
    struct session *session;
    struct session *other; /* one of whose streams is joined with the session's in every second world */
    struct srtp_session *browser_srtp; /* the browser's end */
    struct srtp_session *phone_srtp;   /* the phone's, of the video */
    struct path browser, stranger;
    union address phone;
    int profile;
    uint16_t browsers_number, phones_number; /* of the true video that came last */
    uint16_t numbers;                        /* that bent packets had */
    bool repairs; /* then a datagram may be answered, with nothing to count or with several packets */
};

/* Of keys that are so many times this byte. */
struct srtp_session *new_srtp(int profile, int receive, int send);

void open_world(struct world *world, int profile);
void close_world(struct world *world);

/* How many datagrams did not go on, in all places. */
uint64_t counted(struct world *world);
/* How many were handed up; they are taken. */
uint64_t handed_up(struct world *world);

#define BROWSERS_AUDIO 0xB1 /* SSRCs of true packets */
#define BROWSERS_VIDEO 0xB2
#define PHONES_VIDEO 0x53 /* that no stream has but this */

/* What the phone's end sends on one of the first session's ports. */
void receive_from_phone(struct world *world, uint32_t stream, enum sip_port port, const struct packet *packet,
                        const union address *source);

#endif
