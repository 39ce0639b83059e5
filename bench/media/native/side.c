/* Sockets and their batches. */
#include "side.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_BUFFER (64 * 1024 * 1024) /* what waits here while the host stalls is not the relay's loss */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void prepare(struct side *side)
{
    for (unsigned i = 0; i < SIDE_BATCH; i++) {
        struct cmsghdr *control = &side->controls[i].header;
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
        side->out_vectors[i].iov_base = side->out_buffers[i];
        side->out[i].msg_hdr = (struct msghdr){.msg_name = &side->destinations[i],
                                               .msg_namelen = sizeof side->destinations[i],
                                               .msg_iov = &side->out_vectors[i],
                                               .msg_iovlen = 1,
                                               .msg_control = control,
                                               .msg_controllen = sizeof side->controls[i].bytes};
        side->in_vectors[i] = (struct iovec){side->in_buffers[i], SIDE_MOST};
        side->in[i].msg_hdr = (struct msghdr){.msg_iov = &side->in_vectors[i], .msg_iovlen = 1};
    }
}

void side_open(struct side *side, uint16_t port)
{
    const int buffer = RECEIVE_BUFFER;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    side->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (side->socket < 0 || bind(side->socket, (struct sockaddr *)&any, sizeof any) < 0)
        fail("bind");
    if (setsockopt(side->socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 &&
        setsockopt(side->socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) < 0)
        fail("SO_RCVBUF");
    side->used = 0;
    prepare(side);
}

uint8_t *side_buffer(struct side *side)
{
    return side->out_buffers[side->used];
}

void side_add(struct side *side, size_t length, uint32_t from_host, uint32_t to_host, uint16_t to_port)
{
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = from_host};
    unsigned at = side->used++;
    memcpy(CMSG_DATA(&side->controls[at].header), &info, sizeof info);
    side->destinations[at] =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = to_port, .sin_addr.s_addr = to_host};
    side->out_vectors[at].iov_len = length;
}

void side_flush(struct side *side)
{
    unsigned done = 0;
    while (done < side->used) {
        int sent = sendmmsg(side->socket, side->out + done, side->used - done, 0);
        if (sent > 0)
            done += (unsigned)sent;
        else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED)
            fail("sendmmsg");
    }
    side->used = 0;
}

unsigned side_receive(struct side *side)
{
    int came = recvmmsg(side->socket, side->in, SIDE_BATCH, MSG_DONTWAIT, NULL);
    return came > 0 ? (unsigned)came : 0;
}
