"""INVITE transactions as plain data: enough for another process to go on with one that is not over.

What another process may have to do: answer a CANCEL, send the 200 of a call that rings, cancel a call that is going
out, hear its 2xx and those of a fork. Timers begin anew: each of them only bounds a wait.
"""

from typing import Literal

import msgspec

from sip_agent.core.events import Flow, TransactionId


class SavedServer(msgspec.Struct, frozen=True, kw_only=True, tag="server"):
    """`data` is the last provisional response, for a repeated INVITE; `to` its To, for a CANCEL (RFC 3261 §9.2)."""

    id: TransactionId
    flow: Flow
    state: Literal["proceeding", "accepted"]
    data: bytes = b""
    to: bytes = b""


class SavedClient(msgspec.Struct, frozen=True, kw_only=True, tag="client"):
    """`data` is the INVITE with our Via, by which responses and CANCEL are matched (§17.1.3, §9.1)."""

    id: TransactionId
    flow: Flow
    state: Literal["calling", "proceeding", "accepted"]
    data: bytes


SavedInvite = SavedServer | SavedClient
