/* Feedback that repairs video (RFC 4585): read, written, and taken out of the compound packets that it comes in.
 *
 * What is rewritten has passed rtcp_parse; it only gets shorter.
 */
#ifndef CORDBOARD_FEEDBACK_H
#define CORDBOARD_FEEDBACK_H

#include "packet.h"

/* What is left of a packet of a compound one: its new length, or 0. */
typedef size_t feedback_treatment(void *context, uint8_t *packet, size_t length);

/* Returns the new length of the whole, which ends before a packet that would go beyond its end. */
size_t feedback_rewrite(uint8_t *compound, size_t length, feedback_treatment *treat, void *context);

/* RFC 4585 6.2.1. One with padding, which nobody sends, is left as it is. */
bool feedback_is_nack(const uint8_t *packet, size_t length);

static inline uint32_t feedback_source(const uint8_t *feedback)
{
    return read_32(feedback + 8);
}

/* A PLI (RFC 4585 6.3.1) or an FIR (RFC 5104 4.3.1). */
bool feedback_wants_picture(const uint8_t *packet, size_t length);
/* Of which sources: the n-th, counted from 0; false: there are no more. */
bool feedback_picture_source(const uint8_t *packet, size_t length, size_t n, uint32_t *source);
/* An FIR with its number, behind the report that a compound packet begins with; returns its length. */
size_t feedback_full_intra_request(uint8_t *packet, uint32_t sender, uint32_t about, uint8_t number);

typedef bool feedback_is_done(void *context, uint16_t number);

/* Takes the numbers that are done out of a NACK; returns its new length, 0 if all are. */
size_t feedback_without(uint8_t *nack, size_t length, feedback_is_done *is_done, void *context);

/* A NACK behind the report that a compound packet begins with; returns its length. */
size_t feedback_generic_nack(uint8_t *packet, uint32_t sender, uint32_t about, const uint16_t *numbers, size_t count);

#endif
