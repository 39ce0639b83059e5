"""Who holds a call (RFC 3264 §8.4): we by an offer of ours, the far side by a description that the relay read."""

from sip_agent.core.call.outputs import CallOutput, HoldChanged


class Hold:
    """Tells the session of changes only, and of none before the call is established."""

    def __init__(self, out: list[CallOutput]) -> None:
        self.local = False
        self.remote = False
        self._out = out
        self._told = (False, False)

    def inherit(self, is_held: bool) -> None:
        """We held, or did not, the one whose place the far side takes: no news for the session."""
        self.local = is_held
        self._told = (is_held, False)

    def tell(self) -> None:
        """Say how it stands if that is news."""
        if self._told != (self.local, self.remote):
            self._told = (self.local, self.remote)
            self._out.append(HoldChanged(self.local, self.remote))
