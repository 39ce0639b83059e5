/* What is counted: the fields of media_relay/core/counters.py.
 *
 * There is one writer at a time (whoever holds the relay's lock), so an increment is a load and a store; readers hold
 * no lock and see each number whole.
 */
#ifndef CORDBOARD_COUNTERS_H
#define CORDBOARD_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum drop {
    DROP_UNKNOWN_SOURCE,
    DROP_STUN_AUTH,
    DROP_SRTP_AUTH,
    DROP_REPLAY,
    DROP_NOT_CONNECTED,
    DROP_NO_STREAM,
    DROP_ON_HOLD,
    DROP_UNKNOWN_PT,
    DROP_DURING_EVENT,
    DROP_LATCH_REFUSED,
    DROP_UNHEARD,
    DROP_SSRC_LIMIT,
    DROP_TOO_MANY,
    DROP_FLOODED,
    DROP_TOO_LONG,
    DROP_MALFORMED,
    DROP_SEND_FAILED,
    DROPS,
};
/* As Python calls them, in that order. */
#define DROP_NAMES                                                                                                     \
    "unknown_source stun_auth srtp_auth replay not_connected no_stream on_hold unknown_pt during_event "               \
    "latch_refused unheard ssrc_limit too_many flooded too_long malformed send_failed"

enum repair_kind {
    REPAIR_RESENT_TO_BROWSER,
    REPAIR_RESENT_TO_SIP,
    REPAIR_ASKED_OF_BROWSER,
    REPAIR_PICTURES_OF_BROWSER,
    REPAIR_PICTURES_OF_SIP,
    REPAIRS,
};
/* The same. */
#define REPAIR_NAMES "resent_to_browser resent_to_sip asked_of_browser pictures_of_browser pictures_of_sip"

enum packet_kind { AUDIO, VIDEO, RTCP, PACKET_KINDS };
enum direction { BROWSER_TO_SIP, SIP_TO_BROWSER, DIRECTIONS };

typedef _Atomic uint64_t counter;

struct counters {
    counter packets[DIRECTIONS][PACKET_KINDS];
    counter bytes[DIRECTIONS][PACKET_KINDS];
    counter drops[DROPS];
    counter repairs[REPAIRS];
};

static inline void count(counter *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline uint64_t read_counter(counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
