"""A far side that is played by hand: one UDP socket, and no transaction layer that would answer by itself.

What it receives stands in a queue, each message once however often it is repeated.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.syntax.parser import parse

M = TypeVar("M", bound=Message)

PATIENCE = 10.0
_numbers = itertools.count(1)


class SipPeer(asyncio.DatagramProtocol):
    """`tag` is the one that it gives itself in every dialog."""

    def __init__(self) -> None:
        self.tag = f"peer{next(_numbers)}"
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._seen: set[tuple[str, str, str]] = set()
        self._put_back: list[Message] = []

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> "SipPeer":
        """Bind any port of `host`."""
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, 0))
        return peer

    @property
    def address(self) -> str:
        """Its host:port."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    @property
    def contact(self) -> tuple[str, str]:
        """Its Contact header field."""
        return "Contact", f"<sip:peer@{self.address}>"

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        key = (message.start_line, str(message.top_via), message.headers.get("CSeq") or "")
        if key not in self._seen:
            self._seen.add(key)
            self._messages.put_nowait(message)

    # -- what it hears

    async def expect(self, method: str, within: float = PATIENCE) -> Request:
        """Return the next request with that method, waiting for it; others stay for later."""
        return await self.expect_one_of((method,), within)

    async def expect_one_of(self, methods: Collection[str], within: float = PATIENCE) -> Request:
        """The same of several methods. Only one may wait at a time: another would not see what is put back."""
        what = " or ".join(methods)
        return await self._take(Request, lambda request: request.method in methods, what, within)

    async def response(self, method: str, least: int = 200) -> Response:
        """Return the next response to a request with that method whose status is at least that."""
        return await self._take(
            Response, lambda found: found.cseq[1] == method and found.status >= least, f"response to {method}"
        )

    def unread(self, method: str) -> list[Request]:
        """Return the requests with that method that are here and that nobody has waited for."""
        while not self._messages.empty():
            self._put_back.append(self._messages.get_nowait())
        return [one for one in self._put_back if isinstance(one, Request) and one.method == method]

    async def _take(self, kind: type[M], fits: Callable[[M], bool], what: str, within: float = PATIENCE) -> M:
        for index, message in enumerate(self._put_back):
            if isinstance(message, kind) and fits(message):
                del self._put_back[index]
                return message
        try:
            async with asyncio.timeout(within):
                while True:
                    message = await self._messages.get()
                    if isinstance(message, kind) and fits(message):
                        return message
                    self._put_back.append(message)
        except TimeoutError:
            raise AssertionError(f"no {what}; had {[one.start_line for one in self._put_back]}") from None

    # -- what it says

    def respond(
        self,
        request: Request,
        status: int,
        sdp: str = "",
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer a request, with its own Contact where `headers` has none."""
        made = make_response(
            request,
            status,
            None,
            self.tag,
            self._with_contact(headers),
            sdp.encode(),
            "application/sdp" if sdp else None,
        )
        self._send(made, request.top_via.host, request.top_via.port or 5060)

    def request(
        self,
        method: str,
        uri: str,
        fields: Iterable[tuple[str, str]],
        body: bytes = b"",
        at: str = "",
        has_contact: bool = True,
    ) -> Request:
        """Send a request to `at`, else to the host of `uri`; Via, Max-Forwards and any missing Contact are added."""
        via = ("Via", f"SIP/2.0/UDP {self.address};branch=z9hG4bK{self.tag}{next(_numbers)};rport")
        fields = self._with_contact(fields) if has_contact else fields
        made = Request(method, uri, [via, ("Max-Forwards", "70"), *fields], body)
        host, _, port = (at or f"{made.parsed_uri.host}:{made.parsed_uri.port}").rpartition(":")
        self._send(made, host, int(port))
        return made

    def _with_contact(self, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        fields = list(fields)
        return fields if any(name == "Contact" for name, _ in fields) else [self.contact, *fields]

    def _send(self, message: Message, host: str, port: int) -> None:
        self._transport.sendto(message.to_bytes(), (host, port))


class PeerDialog:
    """The peer's side of a dialog: of an INVITE that it received and answers, or sent and had answered."""

    def __init__(self, peer: SipPeer, received: Request | None = None, answered: Response | None = None) -> None:
        self.peer = peer
        first = received or answered
        assert first is not None
        self.call_id = first.call_id
        ours, theirs = (first.to, first.from_) if received is not None else (first.from_, first.to)
        self._local = str(ours if ours.tag else ours.with_tag(peer.tag))
        self._remote = str(theirs)
        self.local_tag = ours.tag or peer.tag
        self.remote_tag = theirs.tag or ""
        self.target = str(first.contacts[0].uri)
        self._cseq = 100

    def send(
        self, method: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", cseq: int | None = None
    ) -> Request:
        """Send a request in the dialog."""
        self._cseq += 1
        fields = [
            ("From", self._local),
            ("To", self._remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq or self._cseq} {method}"),
            *headers,
        ]
        return self.peer.request(method, self.target, fields, body)
