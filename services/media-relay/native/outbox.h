/* Packets on their way out. The browsers' share a few sockets and go in batches; each SIP side has a socket of its own.
 *
 * A slot's buffer is also where a packet is received into and protected, so that it is not copied.
 */
#ifndef CORDBOARD_OUTBOX_H
#define CORDBOARD_OUTBOX_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "session.h"

#define BATCH 64

struct outbox {
    const int *browser_sockets; /* by interface */
    unsigned used;
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    union address destinations[BATCH];
    struct outgoing {
        struct session *session;
        enum packet_kind kind;
        uint32_t interface;
    } owners[BATCH];
    uint8_t buffers[BATCH][MOST_DATAGRAM + SRTP_TRAILER];
};

void outbox_init(struct outbox *outbox, const int *browser_sockets);
/* Until a datagram is too long for its path, none of a socket's may be fragmented: the kernel then needs no identification
 * for them (RFC 6864 4.1), which it would look up for each destination. */
void forbid_fragments(int socket);
/* False: they are allowed already. */
bool allow_fragments(int socket);
/* The next slot's buffer; it is free until outbox_send_to_browser takes it. */
uint8_t *outbox_buffer(struct outbox *outbox);
/* What is in the next slot's buffer goes to the session's browser with the next flush, which comes by itself when all
 * slots are used. */
void outbox_send_to_browser(struct outbox *outbox, struct session *session, size_t length, enum packet_kind kind);
/* Before the lock is let go: the slots point to sessions. */
void outbox_flush(struct outbox *outbox);

void count_sent(struct counters *counters, enum direction direction, enum packet_kind kind, size_t length);

void send_to_sip(struct session *session, int socket, const uint8_t *packet, size_t length,
                 const union address *destination, enum packet_kind kind);

#endif
