"""The outputs of one session in their order, and the frames among them with their `seq`."""

from collections.abc import Callable, Iterable

from .dialect import Cordboard, Dialect, Frame
from .frames import Error, Event, Ok, type_of
from .outputs import Close, Output, Send
from .requests import HangupRequest

_NORMAL = 1000


class Outbox:
    """Collects until `take`. `dialect` is the page's; `hangups` are of calls that the page cannot have."""

    def __init__(self) -> None:
        self.dialect: Dialect = Cordboard()
        self._outputs: list[Output] = []
        self._hangups: list[HangupRequest] = []
        self._seq = 0

    def take_hangups(self) -> list[HangupRequest]:
        """Return them, once."""
        taken, self._hangups = self._hangups, []
        return taken

    def take(self) -> list[Output]:
        """Return what was put since the last time."""
        taken, self._outputs = self._outputs, []
        return taken

    def put(self, output: Output) -> None:
        """Ask something of the shell."""
        self._outputs.append(output)

    def reply(self, frame: Ok) -> None:
        """Answer a request."""
        self._say(frame)

    def say(self, texts: Iterable[str]) -> None:
        """Say something that is no frame of ours."""
        for text in texts:
            self.put(Send(text, "reply"))

    def ok(self, re: str) -> None:
        """Answer a request with nothing to add."""
        self.reply(Ok(re=re))

    def error(self, re: str | None, status: int, reason: str) -> None:
        """Refuse a request."""
        self._say(Error(re=re, status=status, reason=reason), status)

    def event(self, make: Callable[[int], Event]) -> bool:
        """Tell an event; `make` is given its `seq`. False: the page's dialect has no word for it."""
        self._seq += 1
        return self._say(make(self._seq))

    def _say(self, frame: Frame, status: int = 0) -> bool:
        written = self.dialect.write(frame)
        for text in written.texts:
            self.put(Send(text, type_of(frame), status))
        self._hangups += written.hangups
        if written.is_last:
            self.put(Close(_NORMAL, "that was all"))
        return bool(written.texts)
