/* One side of all calls: a socket that sends as any address of 127/8 and receives for all of them.
 *
 * A socket each would be as real and would cost the generator its core long before the relay is full.
 */
#ifndef CORDBOARD_BENCH_SIDE_H
#define CORDBOARD_BENCH_SIDE_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SIDE_BATCH = 64, SIDE_MOST = 2048 };

struct side {
    int socket;
    unsigned used;
    struct mmsghdr out[SIDE_BATCH], in[SIDE_BATCH];
    struct iovec out_vectors[SIDE_BATCH], in_vectors[SIDE_BATCH];
    struct sockaddr_in destinations[SIDE_BATCH];
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } controls[SIDE_BATCH];
    uint8_t out_buffers[SIDE_BATCH][SIDE_MOST], in_buffers[SIDE_BATCH][SIDE_MOST];
};

/* Ends the program if the port cannot be bound. */
void side_open(struct side *side, uint16_t port);
/* Where the next packet is to be written, `SIDE_MOST` bytes of it. */
uint8_t *side_buffer(struct side *side);
/* Adds what stands there; hosts and ports in network order. Flush when `used` is `SIDE_BATCH`. */
void side_add(struct side *side, size_t length, uint32_t from_host, uint32_t to_host, uint16_t to_port);
void side_flush(struct side *side);
/* Returns how many came, at once. */
unsigned side_receive(struct side *side);

#endif
