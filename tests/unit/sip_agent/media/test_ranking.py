"""Which relay is asked first."""

from collections import Counter

from sip_agent.core.media.ranking import ranked

RELAYS = ["relay-1", "relay-2", "relay-3", "relay-4"]


def test_both_ends_of_a_call_ask_the_same_one_first() -> None:
    for number in range(20):
        assert ranked(f"call-{number}", RELAYS) == ranked(f"call-{number}", reversed(RELAYS))


def test_calls_are_spread_and_only_those_of_a_relay_that_is_gone_change_theirs() -> None:
    calls = [f"call-{number}" for number in range(2000)]
    first = {call: ranked(call, RELAYS)[0] for call in calls}
    assert all(420 < count < 580 for count in Counter(first.values()).values())
    left = RELAYS[1:]
    assert all(ranked(call, left)[0] == relay for call, relay in first.items() if relay in left)
