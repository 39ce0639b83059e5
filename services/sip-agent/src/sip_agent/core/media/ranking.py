"""Which relay a call's media moves to: the same one, whoever of the two ends of a call chooses."""

import hashlib
from collections.abc import Iterable


def ranked(call_id: str, relays: Iterable[str]) -> list[str]:
    """Return the relays in the order in which to ask them (rendezvous hashing): calls spread evenly over what is left.

    `call_id` is SIP's, which both ends of a call have.
    """
    return sorted(relays, key=lambda relay: hashlib.blake2b(f"{call_id} {relay}".encode(), digest_size=8).digest())
