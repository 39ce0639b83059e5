"""Whose call it is: what a live call knows of its account."""

from typing import Protocol

from sip_agent.accounts.messenger import Messenger
from sip_agent.core.dialog.identity import Identity
from sip_agent.locating.next_hop import NextHop
from sip_agent.mailbox import Mailbox


class CallOwner(Protocol):
    """The account of a call."""

    session_id: str
    identity: Identity
    mailbox: Mailbox
    messenger: Messenger
    next_hop: NextHop

    @property
    def epoch(self) -> int:
        """Of the ownership."""

    @property
    def takes_calls(self) -> bool:
        """Whether calls that come in are for other services to answer, as there is no browser."""

    @property
    def is_closing(self) -> bool:
        """Whether it takes nothing new."""
