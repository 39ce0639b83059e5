/* What the reports that pass say (RFC 3550 6.4). */
#ifndef CORDBOARD_REPORTS_H
#define CORDBOARD_REPORTS_H

#include "session.h"

/* RTCP that `rtcp_parse` has found valid: sender reports speak of `own` sources, report blocks of the `others`. */
void read_reports(const uint8_t *packet, size_t length, struct ssrc_table *own, struct ssrc_table *others, double now);
/* Lets the sender reports in it tell what went on, where events of ours stand in the place of packets of their sources
 * (RFC 3550 7.2). */
void correct_sender_counts(uint8_t *packet, size_t length, const struct ssrc_table *own);
/* RTCP that was made here in the name of these sources. */
void read_own_reports(const uint8_t *packet, size_t length, struct ssrc_table *in_whose_name, double now);

#endif
