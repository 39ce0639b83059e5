/* The relay's thread. */
#ifndef CORDBOARD_LOOP_H
#define CORDBOARD_LOOP_H

#include "relay.h"

/* What epoll tells of a descriptor: one of these, or a SIP socket's slot with its generation, stream and port. */
#define TOKEN_STOP UINT64_MAX
#define FIRST_BROWSER_TOKEN (TOKEN_STOP - MOST_INTERFACES)
#define MOST_SLOTS (1u << 24)

static inline uint64_t browser_token(uint32_t interface)
{
    return FIRST_BROWSER_TOKEN + interface;
}

static inline uint64_t sip_token(uint32_t slot, uint32_t generation, uint32_t stream, enum sip_port port)
{
    return (uint64_t)generation << 32 | (uint64_t)slot << 5 | (uint64_t)stream << 1 | port;
}

static inline bool is_sip_token(uint64_t token)
{
    return token < FIRST_BROWSER_TOKEN;
}

/* One datagram on a browser socket. */
void receive_browser(struct relay *relay, uint8_t *datagram, size_t length, const struct path *source);

void *run_loop(void *relay);

double monotonic_now(void);

#endif
