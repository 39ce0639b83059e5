/* The SIP side of a stream: what may be sent there, protected or not, and what came from there in its protection. */
#ifndef CORDBOARD_SIP_LEG_H
#define CORDBOARD_SIP_LEG_H

#include "forward.h"

/* An address that signalling names may be anybody's: until its host is heard, it gets no more than a call needs. Who is
 * heard on the one port does not speak for another host that is named for the other. */
bool sip_may_send(const struct forwarding *forwarding, struct stream *stream, const union address *destination);

/* In the clear, with SRTP_TRAILER bytes of room behind it; it may go on over a bridge. Without a header it is not kept
 * to be sent again. */
void sip_send_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                  const struct rtp_header *header, uint8_t *packet, size_t length);
void sip_send_rtcp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                   const uint8_t *packet, size_t length);

/* What was sent before, as it was then. */
void sip_resend_rtp(struct forwarding *forwarding, struct session *session, struct stream *stream,
                    const uint8_t *packet, size_t length);

/* Takes the protection off that the SIP side put on (RFC 4568); DROPS: it was genuine, or none is wanted. */
typedef enum srtp_status unprotect(struct srtp_session *srtp, uint8_t *packet, size_t *length);
enum drop sip_open(struct session *session, struct stream *stream, uint32_t ssrc, unprotect *unprotect,
                   uint8_t *packet, size_t *length);

#endif
