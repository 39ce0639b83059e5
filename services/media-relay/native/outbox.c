/* Packets on their way out. */
#include "outbox.h"

#include <errno.h>
#include <netinet/in.h>

void outbox_init(struct outbox *outbox, const int *browser_sockets)
{
    outbox->browser_sockets = browser_sockets;
    outbox->used = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        outbox->vectors[i].iov_base = outbox->buffers[i];
        outbox->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &outbox->destinations[i], .msg_iov = &outbox->vectors[i], .msg_iovlen = 1};
    }
}

void forbid_fragments(int socket)
{
    const int always = IP_PMTUDISC_DO;
    setsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &always, sizeof always); /* if not, it costs a little more */
}

bool allow_fragments(int socket)
{
    const int wanted = IP_PMTUDISC_WANT;
    int now = wanted;
    socklen_t length = sizeof now;
    return getsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &now, &length) == 0 && now != wanted &&
           setsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &wanted, sizeof wanted) == 0;
}

static bool may_try_again(int socket)
{
    return errno == EINTR || (errno == EMSGSIZE && allow_fragments(socket));
}

uint8_t *outbox_buffer(struct outbox *outbox)
{
    return outbox->buffers[outbox->used];
}

void outbox_send_to_browser(struct outbox *outbox, struct session *session, size_t length, enum packet_kind kind)
{
    unsigned slot = outbox->used++;
    outbox->vectors[slot].iov_len = length;
    outbox->destinations[slot] = session->destination.address;
    outbox->headers[slot].msg_hdr.msg_namelen = address_length(&session->destination.address);
    outbox->owners[slot] = (struct outgoing){session, kind, session->destination.interface};
    if (outbox->used == BATCH)
        outbox_flush(outbox);
}

void count_sent(struct counters *counters, enum direction direction, enum packet_kind kind, size_t length)
{
    count(&counters->packets[direction][kind], 1);
    count(&counters->bytes[direction][kind], length);
}

/* How many from there on go by the same socket. */
static unsigned run_length(const struct outbox *outbox, unsigned start)
{
    unsigned end = start + 1;
    while (end < outbox->used && outbox->owners[end].interface == outbox->owners[start].interface)
        end++;
    return end - start;
}

/* A datagram that the kernel does not take stops sendmmsg; the others go on behind it. */
void outbox_flush(struct outbox *outbox)
{
    unsigned done = 0;
    while (done < outbox->used) {
        int socket = outbox->browser_sockets[outbox->owners[done].interface];
        int sent = sendmmsg(socket, outbox->headers + done, run_length(outbox, done), 0);
        if (sent < 0 && may_try_again(socket))
            continue;
        unsigned end = done + (sent > 0 ? (unsigned)sent : 0);
        for (; done < end; done++) {
            struct outgoing *owner = &outbox->owners[done];
            count_sent(&owner->session->counters, SIP_TO_BROWSER, owner->kind, outbox->vectors[done].iov_len);
        }
        if (sent <= 0)
            session_drop(outbox->owners[done++].session, DROP_SEND_FAILED);
    }
    outbox->used = 0;
}

void send_to_sip(struct session *session, int socket, const uint8_t *packet, size_t length,
                 const union address *destination, enum packet_kind kind)
{
    if (!address_is_set(destination)) {
        session_drop(session, DROP_NOT_CONNECTED);
        return;
    }
    ssize_t sent;
    do
        sent = sendto(socket, packet, length, 0, &destination->any, address_length(destination));
    while (sent < 0 && may_try_again(socket));
    if (sent < 0) /* a full send buffer, no route: UDP may lose it anyway */
        session_drop(session, DROP_SEND_FAILED);
    else
        count_sent(&session->counters, BROWSER_TO_SIP, kind, length);
}
