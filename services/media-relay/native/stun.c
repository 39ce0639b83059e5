/* RFC 8489 5 and 14. */
#include "stun.h"

#include <string.h>

#include "packet.h"

enum { STUN_HEADER = 20, ATTRIBUTE_HEADER = 4, BINDING_REQUEST = 0x0001, USERNAME = 0x0006 };
#define MAGIC_COOKIE 0x2112A442u

bool stun_ufrag(const uint8_t *datagram, size_t length, uint8_t ufrag[UFRAG])
{
    if (length < STUN_HEADER || read_16(datagram) != BINDING_REQUEST || read_32(datagram + 4) != MAGIC_COOKIE ||
        length != STUN_HEADER + (size_t)read_16(datagram + 2))
        return false;
    for (size_t at = STUN_HEADER; at + ATTRIBUTE_HEADER <= length;) {
        size_t size = read_16(datagram + at + 2);
        const uint8_t *value = datagram + at + ATTRIBUTE_HEADER;
        if (size > length - at - ATTRIBUTE_HEADER)
            return false;
        if (read_16(datagram + at) == USERNAME) {
            if (size <= UFRAG || value[UFRAG] != ':' || memchr(value, ':', UFRAG))
                return false;
            memcpy(ufrag, value, UFRAG);
            return true;
        }
        at += ATTRIBUTE_HEADER + ((size + 3) & ~(size_t)3);
    }
    return false;
}
