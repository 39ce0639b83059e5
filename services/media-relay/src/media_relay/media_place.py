"""What the SIP side of a session hears in the place of the browser: a sound, and digits in the place of either."""

from .forwarding.forwarder import Forwarder


class MediaPlace:
    """Lets the forwarder know who has the place. A sound goes on unheard while a digit is sent."""

    def __init__(self, forwarder: Forwarder, session: int) -> None:
        self._forwarder = forwarder
        self._session = session
        self._has_digit = False
        self._has_sound = False
        self._heard_from: int | None = None  # the sound, since it was interrupted last

    def begin_digit(self, stream: int) -> None:
        """A digit takes the place."""
        self._has_digit = True
        self._forwarder.begin_event(self._session, stream)

    def send_digit(self, stream: int, payload: bytes, marker: bool, later: int) -> None:
        """Send a packet of the digit."""
        self._forwarder.send_event(self._session, stream, payload, marker, later)

    def end_digit(self, stream: int) -> None:
        """The digit is over."""
        self._has_digit = False
        self._take_back(stream)

    def begin_sound(self, stream: int) -> None:
        """A sound takes the place."""
        self._has_sound = True
        if not self._has_digit:
            self._take_back(stream)

    def send_frame(self, stream: int, payload_type: int, payload: bytes, elapsed: int) -> None:
        """Send a frame that is so many units of the timestamp after the sound's beginning."""
        if self._has_digit:
            return
        is_first = self._heard_from is None
        if self._heard_from is None:
            self._heard_from = elapsed
        later = (elapsed - self._heard_from) & 0xFFFFFFFF
        self._forwarder.send_media(self._session, stream, payload_type, payload, is_first, later)

    def end_sound(self, stream: int) -> None:
        """The sound is over."""
        self._has_sound = False
        if not self._has_digit:
            self._take_back(stream)

    def _take_back(self, stream: int) -> None:
        """Give the place to the sound, if there is one, else to the browser."""
        self._heard_from = None
        if self._has_sound:
            self._forwarder.begin_event(self._session, stream)  # anew: its timestamp is that of now
        else:
            self._forwarder.end_event(self._session, stream)
