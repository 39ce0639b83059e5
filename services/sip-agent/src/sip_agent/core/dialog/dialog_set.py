"""The dialogs that one INVITE of ours has made: one for each phone of a fork (RFC 3261 §12.1.2, §13.2.2.4).

Plain data, as `dialog` is. Each To tag is a branch; its dialog is early until a 2xx with that tag makes it a call.
"""

import msgspec

from sip_agent.core.dialog.capabilities import SDP
from sip_agent.core.dialog.dialog import Dialog, of_response
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import Message, Request, Response

# More phones than this are not told apart: who sends provisional responses with ever new tags gets no memory for them.
MAX_BRANCHES = 16


class EarlyDialog(msgspec.Struct, frozen=True, kw_only=True):
    """One branch. `sdp` is its last description, `rseq` the last reliable response that was acknowledged (RFC 3262)."""

    dialog: Dialog
    sdp: str = ""
    rseq: int | None = None


class DialogSet(msgspec.Struct):
    """By To tag. `refused`: the branches whose 2xx came too late, and which have been sent their BYE."""

    branches: dict[str, EarlyDialog] = {}
    refused: list[str] = []

    def find(self, tag: str) -> EarlyDialog | None:
        """Return the branch with this To tag."""
        return self.branches.get(tag)

    def put(self, early: EarlyDialog) -> None:
        """Take a branch in, or what it has become."""
        self.branches[early.dialog.remote_tag] = early

    def for_record(self) -> "DialogSet":
        """What the call's record holds, see `Dialog.for_record`."""
        kept = DialogSet(refused=[readable(tag) for tag in self.refused])
        for early in self.branches.values():
            kept.put(msgspec.structs.replace(early, dialog=early.dialog.for_record()))
        return kept

    def seen(self, invite: Request, response: Response) -> EarlyDialog | None:
        """Return the branch of a provisional response as it makes it; None where there are too many."""
        known = self.branches.get(response.to.tag or "")
        if known is None:
            made = EarlyDialog(dialog=of_response(invite, response))
            return made if len(self.branches) < MAX_BRANCHES else None
        if known.rseq is not None:
            return known
        # Nothing was sent in this dialog yet: the response before may have been without Contact.
        return msgspec.structs.replace(known, dialog=_renewed(known.dialog, of_response(invite, response)))

    def confirmed(self, invite: Request, response: Response) -> Dialog:
        """Return the dialog of a 2xx: its target and route set are anew (§13.2.2.4), its sequence numbers go on."""
        known, dialog = self.branches.get(response.to.tag or ""), of_response(invite, response)
        return dialog if known is None else _renewed(known.dialog, dialog)


def _renewed(old: Dialog, new: Dialog) -> Dialog:
    cseq = max(old.local_cseq, new.local_cseq)
    return msgspec.structs.replace(new, local_cseq=cseq, remote_cseq=old.remote_cseq)


def description(message: Message) -> str:
    """The session description that a message carries, or nothing."""
    return message.body.decode(errors="replace") if message.content_type == SDP else ""
