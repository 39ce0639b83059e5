/* Two sessions without a browser: what the SIP side of the one sends goes to that of the other, in a browser's numbers.
 */
#ifndef CORDBOARD_PARTNER_H
#define CORDBOARD_PARTNER_H

#include "forward.h"

/* `other` is NULL for a session that nobody is to hear. Before a session ends it is parted. Who joins sees to it that no
 * bridge leads from the one to the other, or packets would go round for ever. */
void partner_join(struct session *one, struct session *other);
void partner_part(struct session *session);

/* What stands in the outbox's next buffer, in the clear, if there is a partner to get it. */
void partner_rtp(struct forwarding *forwarding, struct session *session, enum packet_kind kind, size_t length);
void partner_rtcp(struct forwarding *forwarding, struct session *session, size_t length);

#endif
