"""Where a SIP URI is: the search of `core.locating` with real look-ups (RFC 3263)."""

import asyncio
import random
from collections.abc import Callable

from shared.errors import RemoteError
from sip_agent.core.locating.locating import Locating
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.uri import SipUri
from sip_agent.locating.lookup import Lookup


class Locator:
    """Finds places, and judges none: that is for whoever asks."""

    def __init__(self, lookup: Lookup, chance: Callable[[], float] = random.random) -> None:
        self._lookup = lookup
        self._chance = chance

    async def locate(self, uri: SipUri, transport: str = "") -> Places:
        """Return the places of `uri`, in the order in which to try them.

        Its own transport parameter counts before `transport`, which is "" where any will do.
        """
        locating = Locating(uri, self._chance, transport)
        while questions := locating.questions:
            answers = await asyncio.gather(*(self._lookup.ask(question) for question in questions))
            for question, records in zip(questions, answers, strict=True):
                locating.take_answer(question, records)
        if not locating.flows:
            # RFC 3263 §4: a name without an address is a destination that cannot be reached.
            raise RemoteError(503, f"No Address For {uri.param('maddr') or uri.host}")
        return Places(locating.flows, locating.is_transport_free)
