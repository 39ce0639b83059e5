"""What a gateway needs of the socket that it lives on."""

from typing import Protocol

from ..admission import Visit


class Connection(Protocol):
    """A page's socket. What is sent waits until the page reads, as much as the settings allow."""

    visit: Visit

    @property
    def waiting(self) -> int:
        """How many bytes the page has not been sent yet."""

    @property
    def is_closing(self) -> bool:
        """Whether the page is told nothing more."""

    def send(self, text: str) -> bool:
        """Send a frame; False if the page does not read. After `close` it goes nowhere."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what was sent before, and wait for the page a moment, but not longer."""

    def abort(self) -> None:
        """Cut the transport."""
