"""Every live call of this agent, found by what the bus and what SIP calls it."""

from collections.abc import Iterator

from sip_agent.calls.leg import Leg
from sip_agent.calls.live_call import LiveCall


class CallTable:
    """Calls by their id, and by the Call-ID of SIP and our tag."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveCall] = {}
        self._by_dialog: dict[tuple[str, str], Leg] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(self._by_id.values())

    def add(self, call: LiveCall) -> None:
        """Take in a new call."""
        self._by_id[call.call_id] = call
        self.add_leg(call.leg)

    def remove(self, call: LiveCall) -> None:
        """Forget a call."""
        self._by_id.pop(call.call_id, None)
        self.remove_leg(call.leg)

    def add_leg(self, leg: Leg) -> None:
        """Take in another leg of a call."""
        self._by_dialog[leg.core.sip_call_id, leg.core.local_tag] = leg

    def remove_leg(self, leg: Leg) -> None:
        """Forget a leg."""
        self._by_dialog.pop((leg.core.sip_call_id, leg.core.local_tag), None)

    def find(self, call_id: str) -> LiveCall | None:
        """Return the call with this id of the bus."""
        return self._by_id.get(call_id)

    def find_dialog(self, sip_call_id: str, local_tag: str) -> Leg | None:
        """Return the leg with this Call-ID and tag of ours."""
        return self._by_dialog.get((sip_call_id, local_tag))
