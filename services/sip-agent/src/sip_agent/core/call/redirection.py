"""Where else a call may go that was answered 3xx (RFC 3261 §8.1.3.4, §21.3): the Contacts, best first, none twice."""

from dataclasses import replace

import msgspec

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import qvalue, readable
from sip_agent.core.syntax.message import Response
from sip_agent.core.syntax.uri import SipUri, is_secure

FOLLOWED = (300, 301, 302, 305)
MAX_TARGETS = 5  # of one call, however many redirect it


class Targets(msgspec.Struct):
    """What an outgoing call has tried, and what waits. `taken` are all targets that it ever had."""

    taken: list[str] = []
    waiting: list[str] = []

    def start(self, uri: str) -> None:
        """The call begins with this target."""
        self.taken.append(uri)

    def redirected(self, response: Response) -> None:
        """Take in what a 3xx names."""
        for uri in _in_order(response):
            if is_secure(self.taken[0]) and not is_secure(uri):  # §8.1.3.4: who dialled sips: would have to be asked
                continue
            if len(self.taken) > MAX_TARGETS:
                return
            if not any(SipUri.parse(uri).matches(SipUri.parse(known)) for known in self.taken):
                self.taken.append(uri)
                self.waiting.append(uri)

    def next(self) -> str | None:
        """Return the next target, if there is one."""
        return self.waiting.pop(0) if self.waiting else None


def _in_order(response: Response) -> list[str]:
    """The sip: and sips: URIs by q; bare ones, for a redirector writes no header fields into our INVITE (§19.1.5)."""
    found: list[tuple[float, str]] = []
    try:
        contacts = response.contacts
    except SipError:  # what cannot be read leads nowhere
        return []
    for contact in contacts:
        if isinstance(contact.uri, SipUri):
            uri = str(replace(contact.uri, headers=()).without_params("method"))
            if readable(uri) == uri:
                # What cannot be read is no reason to be called before anybody.
                found.append((qvalue(contact.param("q"), malformed=0.0), uri))
    return [uri for _, uri in sorted(found, key=lambda target: -target[0])]
