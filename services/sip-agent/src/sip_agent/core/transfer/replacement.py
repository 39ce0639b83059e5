"""Whether an INVITE with Replaces may take the place of a call of ours (RFC 3891 §3)."""

from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import State
from sip_agent.core.transfer.replaces import Replaces

NO_SUCH_DIALOG = 481


def refusal_of(replaces: Replaces, call: Call | None) -> int:
    """Return the status that refuses it, 0 if it may. `call` is the one with that Call-ID and tag of ours, if any.

    A call that rings is not replaced: one that we have received is not to be (§3), and one that we make has no media
    yet that could be given to another far side.
    """
    if call is None or call.dialog is None or call.dialog.remote_tag != replaces.from_tag:
        return NO_SUCH_DIALOG
    if call.state in (State.ENDING, State.ENDED):
        return 603
    if call.state is not State.CONFIRMED:
        return NO_SUCH_DIALOG
    return 486 if replaces.early_only else 0
