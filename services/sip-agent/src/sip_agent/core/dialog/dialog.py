"""A dialog as plain data (RFC 3261 §12): it goes to JSON and back, so that another agent can go on with it.

Nothing here is changed in place; each function that alters a dialog returns another one.
"""

from collections.abc import Iterable

import msgspec

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import NameAddr, SipUri

# What a reader of the record must skip: requests that its writer may have sent since.
CSEQ_GAP = 10
MAX_FORWARDS = "70"


class Dialog(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses are header values without their tag; the route set is in the order in which we use it."""

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    local_cseq: int
    remote_cseq: int | None
    remote_target: str
    route_set: tuple[str, ...] = ()
    secure: bool = False
    is_confirmed: bool = False

    def is_next(self, request: Request) -> bool:
        """Whether a request of the far side is in order (§12.2.2): gaps are allowed, going back is not."""
        return self.remote_cseq is None or request.cseq[0] > self.remote_cseq

    def received(self, request: Request) -> "Dialog":
        """Take note of a request that is in order; those that refresh the target do (§12.2.2, RFC 3311 §5.2)."""
        target = self.remote_target
        if request.method in ("INVITE", "UPDATE") and request.contacts:
            target = str(request.contacts[0].sip_uri)
        return msgspec.structs.replace(self, remote_cseq=request.cseq[0], remote_target=target)

    def refreshed(self, response: Response) -> "Dialog":
        """Take the target from a 2xx to our re-INVITE or UPDATE (§12.2.1.2); a bad one changes nothing."""
        try:
            target = str(response.contacts[0].sip_uri) if response.contacts else self.remote_target
        except SipError:
            return self
        return msgspec.structs.replace(self, remote_target=target)

    def confirmed(self) -> "Dialog":
        """The dialog after the 2xx to its INVITE."""
        return msgspec.structs.replace(self, is_confirmed=True)

    def for_record(self) -> "Dialog":
        """What the call's record holds: the CSeq runs ahead of the wire, and JSON holds nothing but UTF-8."""
        ahead = msgspec.structs.replace(self, local_cseq=self.local_cseq + CSEQ_GAP)
        texts = (self.call_id, self.local_tag, self.remote_tag, self.local, self.remote)
        if "".join((*texts, *self.route_set)).isascii():
            return ahead
        return msgspec.structs.replace(
            ahead,
            call_id=readable(self.call_id),
            local_tag=readable(self.local_tag),
            remote_tag=readable(self.remote_tag),
            local=readable(self.local),
            remote=readable(self.remote),
            route_set=tuple(readable(route) for route in self.route_set),
        )

    def request(
        self,
        method: str,
        contact: str | None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> tuple[Request, "Dialog"]:
        """Return a new request inside the dialog (§12.2.1.1), and the dialog with its CSeq. PRACK has no Contact."""
        number = self.local_cseq + 1
        fields = [*headers] if contact is None else [("Contact", f"<{contact}>"), *headers]
        made = self._build(method, number, fields, body, content_type)
        return made, msgspec.structs.replace(self, local_cseq=number)

    def ack(self, cseq: int, headers: Iterable[tuple[str, str]] = ()) -> Request:
        """Return the ACK for the 2xx to our INVITE numbered `cseq` (§13.2.2.4); `headers`: its credentials."""
        return self._build("ACK", cseq, headers, b"", None)

    def _build(
        self, method: str, cseq: int, headers: Iterable[tuple[str, str]], body: bytes, content_type: str | None
    ) -> Request:
        uri, routes = self.remote_target, list(self.route_set)
        if routes and not _is_loose(routes[0]):
            # §12.2.1.1: a strict router gets its own URI in the Request-URI, and the target goes last.
            uri, routes = str(NameAddr.parse(routes[0]).sip_uri.without_params("method")), routes[1:]
            routes.append(f"<{self.remote_target}>")
        fields = [("Route", route) for route in routes]
        fields += [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        if content_type is not None:
            fields.append(("Content-Type", content_type))
        return Request(method, uri, fields, body)

    def next_hop(self) -> SipUri:
        """Where a request of this dialog goes first, by its first route or else its target (§12.2.1.1)."""
        if self.route_set:
            return NameAddr.parse(self.route_set[0]).sip_uri
        return SipUri.parse(self.remote_target)


def _is_loose(route: str) -> bool:
    return NameAddr.parse(route).sip_uri.param("lr") is not None


def _route(address: NameAddr) -> str:
    _ = address.sip_uri  # a peer that writes another scheme is told now: later there is nobody left to tell
    return str(address)


def of_response(request: Request, response: Response) -> Dialog:
    """The dialog that a response to our INVITE makes (§12.1.2); `SipError` where nothing could be sent in it."""
    contacts = response.contacts
    return Dialog(
        call_id=request.call_id,
        local_tag=request.from_.tag or "",
        remote_tag=response.to.tag or "",
        local=str(request.from_.with_tag(None)),
        remote=str(request.to.with_tag(None)),
        local_cseq=request.cseq[0],
        remote_cseq=None,
        remote_target=str(contacts[0].sip_uri) if contacts else request.uri,
        route_set=tuple(_route(route) for route in reversed(response.record_routes)),
        secure=request.uri.lower().startswith("sips:"),
        is_confirmed=response.status >= 200,
    )


def of_request(request: Request, local_tag: str) -> Dialog:
    """The dialog that our response to an INVITE makes (§12.1.1); `SipError` where nothing could be sent in it."""
    return Dialog(
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_.tag or "",
        local=str(request.to.with_tag(None)),
        remote=str(request.from_.with_tag(None)),
        local_cseq=0,
        remote_cseq=request.cseq[0],
        remote_target=str((request.contacts[0] if request.contacts else request.from_).sip_uri),
        route_set=tuple(_route(route) for route in request.record_routes),
        secure=request.uri.lower().startswith("sips:"),
    )
