"""Reliable provisional responses (RFC 3262), the caller's side: which one is next, and the PRACK that it gets."""

import msgspec

from sip_agent.core.call.dialog_set import EarlyDialog
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response

OPTION = "100rel"
_RSEQ_LIMIT = 2**32 - 1  # §7.1


def is_reliable(response: Response) -> bool:
    """Whether a provisional response waits for a PRACK (§4)."""
    return 100 < response.status < 200 and response.has_option("Require", OPTION)


def acknowledge(early: EarlyDialog, response: Response) -> tuple[Request, EarlyDialog] | None:
    """Return the PRACK of the next response of a branch and the branch after it.

    None for one that is not next (§4): a repeated one has its PRACK, and after a gap the missing one comes first.
    """
    rseq = _rseq(response)
    if early.rseq is not None and rseq != early.rseq + 1:
        return None
    number, method = response.cseq
    prack, dialog = early.dialog.request("PRACK", None, [("RAck", f"{rseq} {number} {method}")])
    return prack, msgspec.structs.replace(early, dialog=dialog, rseq=rseq)


def _rseq(response: Response) -> int:
    text = response.headers.get("RSeq") or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= _RSEQ_LIMIT):
        raise SipError(400, "Bad RSeq")
    return int(text)
