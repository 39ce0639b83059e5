/* The floor of sockets: what comes on one goes out on the other, batched and paced as the relay does, and nothing else.
 *
 *     floor HOST BROWSER_PORT SIP_PORT PEER_BROWSER_PORT PEER_PHONE_PORT
 *
 * No sessions, no crypto, no rules: a browser 127.1.x.y and a phone 127.2.x.y belong together.
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

enum { BATCH = 64, MOST = 2048, BATCHES = 4, PACED_RATE = 5000 };
#define PACING 320e-6 /* seconds; all this is the relay's: native/loop.c, native_forwarder.py */
#define RECEIVE_BUFFER (8 * 1024 * 1024)
#define OTHER_SIDE htonl(0x00030000u) /* 127.1 <-> 127.2 */

struct path {
    int from, to;
    in_port_t peer_port; /* of whom it goes to */
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in addresses[BATCH];
    uint8_t buffers[BATCH][MOST];
};

static int bound(const char *host, const char *port)
{
    const int buffer = RECEIVE_BUFFER, unfragmented = IP_PMTUDISC_DO;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || descriptor < 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &unfragmented, sizeof unfragmented) < 0 ||
        (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 &&
         setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) < 0)) {
        perror("bind");
        exit(1);
    }
    return descriptor;
}

static void ready(struct path *path, unsigned i)
{
    path->vectors[i] = (struct iovec){path->buffers[i], MOST};
    path->headers[i].msg_hdr = (struct msghdr){.msg_name = &path->addresses[i],
                                               .msg_namelen = sizeof path->addresses[i],
                                               .msg_iov = &path->vectors[i],
                                               .msg_iovlen = 1};
}

static void prepare(struct path *path, int from, int to, const char *peer_port)
{
    path->from = from;
    path->to = to;
    path->peer_port = htons((uint16_t)atoi(peer_port));
    for (unsigned i = 0; i < BATCH; i++)
        ready(path, i);
}

static void send_on(struct path *path, unsigned count)
{
    for (unsigned done = 0; done < count;) {
        int sent = sendmmsg(path->to, path->headers + done, count - done, 0);
        if (sent > 0)
            done += (unsigned)sent;
        else if (errno != EINTR)
            done++; /* the kernel does not take this one */
    }
}

static unsigned move(struct path *path)
{
    unsigned total = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        int came = recvmmsg(path->from, path->headers, BATCH, MSG_DONTWAIT, NULL);
        if (came <= 0)
            break;
        for (int i = 0; i < came; i++) {
            path->vectors[i].iov_len = path->headers[i].msg_len;
            path->addresses[i].sin_addr.s_addr ^= OTHER_SIDE;
            path->addresses[i].sin_port = path->peer_port;
        }
        send_on(path, (unsigned)came);
        for (int i = 0; i < came; i++)
            ready(path, (unsigned)i);
        total += (unsigned)came;
        if (came < BATCH)
            break;
    }
    return total;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pace(double began)
{
    double until = began + PACING - (now_seconds() - began);
    struct timespec then = {(time_t)until, (long)((until - (double)(time_t)until) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

static void watch(int epoll, struct path *path)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = path};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, path->from, &event) < 0) {
        perror("epoll_ctl");
        exit(1);
    }
}

int main(int count, char **arguments)
{
    static struct path to_sip, to_browser;
    if (count != 6) {
        fprintf(stderr, "usage: floor HOST BROWSER_PORT SIP_PORT PEER_BROWSER_PORT PEER_PHONE_PORT\n");
        return 64;
    }
    int browsers = bound(arguments[1], arguments[2]), phones = bound(arguments[1], arguments[3]);
    int epoll = epoll_create1(0);
    prepare(&to_sip, browsers, phones, arguments[5]);
    prepare(&to_browser, phones, browsers, arguments[4]);
    watch(epoll, &to_sip);
    watch(epoll, &to_browser);
    prctl(PR_SET_TIMERSLACK, 1UL);
    puts("ready");
    fflush(stdout);
    double since = now_seconds(), rate = 0;
    unsigned packets = 0;
    for (;;) {
        struct epoll_event events[2];
        int ready = epoll_wait(epoll, events, 2, -1);
        double now = now_seconds();
        unsigned moved = 0;
        for (int i = 0; i < ready; i++)
            moved += move(events[i].data.ptr);
        packets += moved;
        if (now - since >= 0.01) {
            rate = packets / (now - since);
            since = now;
            packets = 0;
        }
        if (rate > PACED_RATE && moved < BATCH * BATCHES)
            pace(now);
    }
}
