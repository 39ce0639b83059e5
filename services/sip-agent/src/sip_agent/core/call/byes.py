"""The BYEs of a call: that of its dialog, and those of phones of a fork that answered too late (RFC 3261 §15.1.1)."""

from sip_agent.core.auth.credentials import answer
from sip_agent.core.call.facts import End
from sip_agent.core.call.outputs import CallOutput, SendRequest
from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.dialog.reason import reason_header
from sip_agent.core.syntax.message import Request, Response

AGAIN = " again"


class Byes:
    """By ref: those whose final response is still to come. Writes to the call's outputs."""

    def __init__(self, out: list[CallOutput], identity: Identity) -> None:
        self._out = out
        self._identity = identity
        self._waiting: dict[str, tuple[Request, Dialog]] = {}

    def __contains__(self, ref: str) -> bool:
        return ref in self._waiting

    @property
    def are_answered(self) -> bool:
        """Whether none waits."""
        return not self._waiting

    def send(self, ref: str, dialog: Dialog, end: End | None = None) -> Dialog:
        """End a dialog; `end` is told where it is not the usual one (RFC 3326)."""
        headers = [reason_header(end.status, end.reason)] if end is not None and end.status >= 300 else []
        request, dialog = dialog.request("BYE", self._identity.contact, headers)
        self._put(ref, request, dialog)
        return dialog

    def receive_response(self, ref: str, response: Response) -> None:
        """Take a response; a challenge is answered once."""
        if response.status < 200:
            return
        bye, dialog = self._waiting.pop(ref)
        if response.status in (401, 407) and not ref.endswith(AGAIN):
            again = answer(self._identity.digest, bye, response)
            if again is not None:
                self._put(ref + AGAIN, again, dialog)

    def failed(self, ref: str) -> None:
        """Take the word that no response comes."""
        self._waiting.pop(ref)

    def _put(self, ref: str, request: Request, dialog: Dialog) -> None:
        self._waiting[ref] = (request, dialog)
        self._out.append(SendRequest(ref, request, dialog.next_hop()))
