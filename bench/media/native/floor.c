/* The floor of sockets: what comes on one goes out on the other, batched and paced as the relay does, and nothing else.
 *
 *     floor HOST BROWSER_PORT SIP_PORT SIP_SOCKETS PEER_BROWSER_PORT PEER_PHONE_PORT
 *
 * No sessions, no crypto, no rules: a browser 127.1.x.y and a phone 127.2.x.y belong together. With one SIP socket both
 * sides share one each; with more, call x.y has one to itself, as in the relay, at SIP_PORT + 256 x + y.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MOST = 2048, BATCHES = 4, MOST_SOCKETS = 8192, EVENTS = 512 };
#define RECEIVE_BUFFER (8 * 1024 * 1024)
#define OTHER_SIDE htonl(0x00030000u) /* 127.1 <-> 127.2 */
/* The relay's: native/loop.c, forwarding/native.py. */
#define PACED_RATE 5000
#define TOGETHER 20
#define SPARE_RATE 50000
#define MOST_PACING 640e-6

struct batch {
    unsigned used;
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in addresses[BATCH];
    uint8_t buffers[BATCH][MOST];
};

static struct {
    int browsers, phones[MOST_SOCKETS], epoll;
    uint32_t phone_count;
    in_port_t browser_port, phone_port; /* of the peers */
    struct batch to_browsers, to_phones;
} bare;

static int bound(const char *host, uint16_t port)
{
    const int unfragmented = IP_PMTUDISC_DO;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || descriptor < 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &unfragmented, sizeof unfragmented) < 0) {
        perror("bind");
        exit(1);
    }
    return descriptor;
}

static void enlarge(int descriptor)
{
    const int buffer = RECEIVE_BUFFER;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) < 0)
        perror("SO_RCVBUF");
}

static void watch(int descriptor, uint32_t token)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = token};
    if (epoll_ctl(bare.epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) {
        perror("epoll_ctl");
        exit(1);
    }
}

static void ready(struct batch *batch, unsigned i)
{
    batch->vectors[i] = (struct iovec){batch->buffers[i], MOST};
    batch->headers[i].msg_hdr = (struct msghdr){.msg_name = &batch->addresses[i],
                                                .msg_namelen = sizeof batch->addresses[i],
                                                .msg_iov = &batch->vectors[i],
                                                .msg_iovlen = 1};
}

static void send_all(int descriptor, struct batch *batch)
{
    for (unsigned done = 0; done < batch->used;) {
        int sent = sendmmsg(descriptor, batch->headers + done, batch->used - done, 0);
        if (sent > 0)
            done += (unsigned)sent;
        else if (errno != EINTR)
            done++; /* the kernel does not take this one */
    }
    for (unsigned i = 0; i < batch->used; i++)
        ready(batch, i);
    batch->used = 0;
}

static void redirect(struct sockaddr_in *address, in_port_t port)
{
    address->sin_addr.s_addr ^= OTHER_SIDE;
    address->sin_port = port;
}

/* All that has come on a shared socket; to phones with sockets of their own, each goes out alone. */
static unsigned move(struct batch *batch, int from, in_port_t port, bool is_to_phones)
{
    unsigned total = 0;
    for (int i = 0; i < BATCHES; i++) {
        int came = recvmmsg(from, batch->headers, BATCH, MSG_DONTWAIT, NULL);
        if (came <= 0)
            break;
        batch->used = (unsigned)came;
        for (int at = 0; at < came; at++) {
            batch->vectors[at].iov_len = batch->headers[at].msg_len;
            redirect(&batch->addresses[at], port);
        }
        if (is_to_phones && bare.phone_count > 1) {
            for (int at = 0; at < came; at++) {
                const struct sockaddr_in *address = &batch->addresses[at];
                uint32_t call = ntohl(address->sin_addr.s_addr) & 0xFFFF;
                if (call < bare.phone_count)
                    sendto(bare.phones[call], batch->buffers[at], batch->vectors[at].iov_len, 0,
                           (const struct sockaddr *)address, sizeof *address);
                ready(batch, (unsigned)at);
            }
            batch->used = 0;
        } else {
            send_all(is_to_phones ? bare.phones[0] : bare.browsers, batch);
        }
        total += (unsigned)came;
        if (came < BATCH)
            break;
    }
    return total;
}

static unsigned take_one(int from)
{
    struct batch *batch = &bare.to_browsers;
    socklen_t length = sizeof *batch->addresses;
    struct sockaddr_in *address = &batch->addresses[batch->used];
    ssize_t came =
        recvfrom(from, batch->buffers[batch->used], MOST, MSG_DONTWAIT, (struct sockaddr *)address, &length);
    if (came < 0)
        return 0;
    batch->vectors[batch->used].iov_len = (size_t)came;
    redirect(address, bare.browser_port);
    if (++batch->used == BATCH)
        send_all(bare.browsers, batch);
    return 1;
}

static unsigned play_round(const struct epoll_event *events, int count)
{
    bool has_browsers = false;
    unsigned moved = 0;
    for (int i = 0; i < count; i++) {
        uint32_t token = events[i].data.u32;
        if (token == MOST_SOCKETS)
            has_browsers = true;
        else if (bare.phone_count == 1)
            moved += move(&bare.to_browsers, bare.phones[0], bare.browser_port, false);
        else
            moved += take_one(bare.phones[token]);
    }
    send_all(bare.browsers, &bare.to_browsers);
    if (has_browsers)
        moved += move(&bare.to_phones, bare.browsers, bare.phone_port, true);
    return moved;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pace(double packets_per_second, double began)
{
    double spare = SPARE_RATE / packets_per_second, enough = TOGETHER / packets_per_second;
    double pacing = MOST_PACING * spare * spare;
    if (pacing < enough)
        pacing = enough;
    if (pacing > MOST_PACING)
        pacing = MOST_PACING;
    double until = began + pacing - (now_seconds() - began);
    struct timespec then = {(time_t)until, (long)((until - (double)(time_t)until) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

static void open_all(char **arguments)
{
    uint16_t first = (uint16_t)atoi(arguments[3]);
    bare.epoll = epoll_create1(0);
    bare.browsers = bound(arguments[1], (uint16_t)atoi(arguments[2]));
    bare.phone_count = (uint32_t)atoi(arguments[4]);
    bare.browser_port = htons((uint16_t)atoi(arguments[5]));
    bare.phone_port = htons((uint16_t)atoi(arguments[6]));
    if (!bare.phone_count || bare.phone_count > MOST_SOCKETS)
        exit(64);
    enlarge(bare.browsers);
    watch(bare.browsers, MOST_SOCKETS);
    for (uint32_t i = 0; i < bare.phone_count; i++) {
        bare.phones[i] = bound(arguments[1], (uint16_t)(first + i));
        watch(bare.phones[i], i);
    }
    if (bare.phone_count == 1)
        enlarge(bare.phones[0]);
    for (unsigned i = 0; i < BATCH; i++) {
        ready(&bare.to_browsers, i);
        ready(&bare.to_phones, i);
    }
}

int main(int count, char **arguments)
{
    static struct epoll_event events[EVENTS];
    if (count != 7) {
        fprintf(stderr,
                "usage: floor HOST BROWSER_PORT SIP_PORT SIP_SOCKETS PEER_BROWSER_PORT PEER_PHONE_PORT\n");
        return 64;
    }
    open_all(arguments);
    prctl(PR_SET_TIMERSLACK, 1UL);
    puts("ready");
    fflush(stdout);
    double since = now_seconds(), rate = 0;
    unsigned packets = 0;
    for (;;) {
        int came = epoll_wait(bare.epoll, events, EVENTS, -1);
        double now = now_seconds();
        unsigned moved = play_round(events, came);
        packets += moved;
        if (now - since >= 0.01) {
            rate = packets / (now - since);
            since = now;
            packets = 0;
        }
        if (rate > PACED_RATE && moved < BATCH * BATCHES)
            pace(rate, now);
    }
}
