/* IP addresses with ports, as sockets take them. */
#ifndef CORDBOARD_ADDRESS_H
#define CORDBOARD_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* All zero (AF_UNSPEC): no address. */
union address {
    sa_family_t family;
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* How a browser is reached: its address, and by which of our sockets for browsers. */
struct path {
    union address address;
    uint32_t interface;
};

bool address_is_set(const union address *address);
bool address_equal(const union address *one, const union address *other);
bool address_same_host(const union address *one, const union address *other);
/* Whether it means another host on each network: private, of a carrier's NAT, link-local, loopback. */
bool address_is_local(const union address *address);
socklen_t address_length(const union address *address);
bool path_equal(const struct path *one, const struct path *other);
uint32_t address_hash(const union address *address);

/* Host as text; the zone of a link-local address follows a percent sign (RFC 4007 11). */
bool address_parse(union address *address, const char *host, uint16_t port);
#define ADDRESS_TEXT 64
void address_print(const union address *address, char text[ADDRESS_TEXT]);
uint16_t address_port(const union address *address);

#endif
