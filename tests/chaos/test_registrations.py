"""An agent that has nothing but registrations dies, at a real registrar."""

import asyncio

import msgspec
import pytest
from tests.chaos.stage import Stage, moved
from tests.support.bus_seats import SessionSeat, account
from tests.support.kamailio import Kamailio, kamailio
from tests.support.services import SECRET
from tests.support.sip_peer import SipPeer

from shared.messages import CallEstablished, IncomingCall
from sip_agent.core.auth.credentials import answer
from sip_agent.core.auth.digest import Credentials, DigestClient
from sip_agent.core.syntax.message import Request, Response

REGISTERED_WITHIN = 10.0


async def log_in(stage: Stage, server: Kamailio, name: str, agent: str) -> SessionSeat:
    theirs = account(SECRET, f"s-{name}", name, server.users[name], server.domain)
    theirs = msgspec.structs.replace(theirs, outbound_proxy=f"127.0.0.1:{server.port}", transport="udp")
    seat = SessionSeat(stage.cluster.bus, agent, f"s-{name}", theirs)
    await seat.sit()
    await seat.open()
    await seat.registration("registered")
    return seat


class Query:
    """Asks a registrar for the Contacts of a user, as the user may (RFC 3261 §10.2.3)."""

    def __init__(self, peer: SipPeer, server: Kamailio, user: str) -> None:
        self._peer = peer
        self._server = server
        self._user = user
        self._digest = DigestClient(Credentials(user, server.users[user]), lambda: "cnonce")
        self._cseq = 0

    async def ports(self) -> list[int | None]:
        """Return the port of each Contact."""
        asked, challenge = await self._ask([])
        again = answer(self._digest, asked, challenge)
        assert again is not None
        _, listed = await self._ask([("Authorization", again.headers.get("Authorization") or "")])
        assert listed.status == 200
        return [contact.sip_uri.port for contact in listed.contacts]

    async def _ask(self, credentials: list[tuple[str, str]]) -> tuple[Request, Response]:
        self._cseq += 1
        aor = f"sip:{self._user}@{self._server.domain}"
        fields = [
            ("From", f"<{aor}>;tag={self._peer.tag}"),
            ("To", f"<{aor}>"),
            ("Call-ID", "query"),
            ("CSeq", f"{self._cseq} REGISTER"),
            *credentials,
        ]
        at = f"127.0.0.1:{self._server.port}"
        asked = self._peer.request("REGISTER", f"sip:{self._server.domain}", fields, at=at, has_contact=False)
        return asked, await self._peer.response("REGISTER")


@pytest.mark.peers
async def test_the_registrar_has_one_contact_all_the_time_and_it_is_the_new_one(stage: Stage) -> None:
    first, second = stage.agents
    peer = await SipPeer.open()
    async with kamailio(media=False) as server:
        alice = await log_in(stage, server, "alice", first.name)
        bob = await log_in(stage, server, "bob", second.name)
        query = Query(peer, server, "alice")
        assert await query.ports() == [first.port]
        await first.kill()
        seen: list[list[int | None]] = []
        async with asyncio.timeout(REGISTERED_WITHIN):
            while not seen or seen[-1] != [second.port]:
                seen.append(await query.ports())
        assert all(ports in ([first.port], [second.port]) for ports in seen)
        await moved(alice)
        await bob.call("alice", "c-1")
        incoming = await alice.expect(IncomingCall)
        assert incoming.agent == second.name
        await alice.answer(incoming.call_id)
        await bob.expect(CallEstablished)
        await bob.hang_up("c-1")
        await alice.ended(incoming.call_id)
    peer.close()
