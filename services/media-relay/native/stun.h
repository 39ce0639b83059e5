/* As much of STUN as tells whose a connectivity check is; all else is Python's (media_relay/core/packet/stun.py). */
#ifndef CORDBOARD_STUN_H
#define CORDBOARD_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UFRAG 8 /* characters of ours, of the 4 to 256 that RFC 8839 5.4 allows */

/* The fragment of ours that a Binding request is named by (RFC 8445 7.2.2): what stands before the colon in USERNAME.
 * False for anything else, and for one of another length. */
bool stun_ufrag(const uint8_t *datagram, size_t length, uint8_t ufrag[UFRAG]);

#endif
