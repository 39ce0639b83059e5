/* IP addresses with ports, as sockets take them. */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

bool address_is_set(const union address *address)
{
    return address->family != AF_UNSPEC;
}

bool address_same_host(const union address *one, const union address *other)
{
    if (one->family != other->family)
        return false;
    if (one->family == AF_INET)
        return one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
    return memcmp(&one->v6.sin6_addr, &other->v6.sin6_addr, sizeof one->v6.sin6_addr) == 0 &&
           one->v6.sin6_scope_id == other->v6.sin6_scope_id;
}

bool address_is_local(const union address *address)
{
    static const struct {
        uint32_t network, mask;
    } local[] = {
        {0x0A000000, 0xFF000000}, /* RFC 1918: 10.0.0.0/8, */
        {0xAC100000, 0xFFF00000}, /* 172.16.0.0/12, */
        {0xC0A80000, 0xFFFF0000}, /* 192.168.0.0/16 */
        {0x64400000, 0xFFC00000}, /* RFC 6598: 100.64.0.0/10 */
        {0xA9FE0000, 0xFFFF0000}, /* RFC 3927: 169.254.0.0/16 */
        {0x7F000000, 0xFF000000}, /* 127.0.0.0/8 */
    };
    if (address->family == AF_INET6) {
        const uint8_t *host = address->v6.sin6_addr.s6_addr;
        bool is_unique_local = (host[0] & 0xFE) == 0xFC; /* RFC 4193 */
        return is_unique_local || IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr) ||
               IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    }
    uint32_t host = address->family == AF_INET ? ntohl(address->v4.sin_addr.s_addr) : 0;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if ((host & local[i].mask) == local[i].network)
            return true;
    return false;
}

uint16_t address_port(const union address *address)
{
    return ntohs(address->family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

bool address_equal(const union address *one, const union address *other)
{
    return address_same_host(one, other) && address_port(one) == address_port(other);
}

bool path_equal(const struct path *one, const struct path *other)
{
    return one->interface == other->interface && address_equal(&one->address, &other->address);
}

socklen_t address_length(const union address *address)
{
    return address->family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

uint32_t address_hash(const union address *address)
{
    /* Mixed by a multiplication, so that neighbouring ports and hosts lie apart. */
    uint64_t words[2] = {0, 0};
    if (address->family == AF_INET)
        words[0] = address->v4.sin_addr.s_addr;
    else
        memcpy(words, &address->v6.sin6_addr, sizeof words);
    uint64_t mixed = (words[0] ^ (uint64_t)address_port(address) << 32) * UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 29 ^ words[1]) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)(mixed >> 32);
}

bool address_parse(union address *address, const char *host, uint16_t port)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return true;
    }
    char bare[INET6_ADDRSTRLEN];
    const char *zone = strchr(host, '%');
    size_t length = zone ? (size_t)(zone - host) : strlen(host);
    if (length >= sizeof bare)
        return false;
    memcpy(bare, host, length);
    bare[length] = 0;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET6, bare, &address->v6.sin6_addr) != 1)
        return false;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    address->v6.sin6_scope_id = zone ? if_nametoindex(zone + 1) : 0;
    return !zone || address->v6.sin6_scope_id;
}

void address_print(const union address *address, char text[ADDRESS_TEXT])
{
    if (address->family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, text, ADDRESS_TEXT);
        return;
    }
    char zone[IF_NAMESIZE];
    inet_ntop(AF_INET6, &address->v6.sin6_addr, text, ADDRESS_TEXT);
    if (address->v6.sin6_scope_id && if_indextoname(address->v6.sin6_scope_id, zone)) {
        size_t length = strlen(text);
        snprintf(text + length, ADDRESS_TEXT - length, "%%%s", zone);
    }
}
