"""The outputs of one session in their order, and the frames among them with their `seq`."""

from collections.abc import Callable

from .frames import Error, Event, Ok, encode, type_of
from .outputs import Output, Send


class Outbox:
    """Collects until `take`."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self._seq = 0

    def take(self) -> list[Output]:
        """Return what was put since the last time."""
        taken, self._outputs = self._outputs, []
        return taken

    def put(self, output: Output) -> None:
        """Ask something of the shell."""
        self._outputs.append(output)

    def reply(self, frame: Ok) -> None:
        """Answer a request."""
        self.put(Send(encode(frame), type_of(frame)))

    def ok(self, re: str) -> None:
        """Answer a request with nothing to add."""
        self.reply(Ok(re=re))

    def error(self, re: str | None, status: int, reason: str) -> None:
        """Refuse a request."""
        self.put(Send(encode(Error(re=re, status=status, reason=reason)), "error", status))

    def event(self, make: Callable[[int], Event]) -> None:
        """Tell an event; `make` is given its `seq`."""
        self._seq += 1
        frame = make(self._seq)
        self.put(Send(encode(frame), type_of(frame)))
