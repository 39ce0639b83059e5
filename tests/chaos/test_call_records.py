"""A call has one detail record, whichever agent has it when it ends."""

from tests.chaos.stage import Stage, moved, talking
from tests.support.bus_seats import sdp
from tests.support.sip_peer import SipPeer
from tests.support.streams import reading

from shared.messages.stream import CallEnded
from shared.streams import CDR


async def test_a_call_whose_agent_dies_is_recorded_once_by_the_next(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    dialog = await talking(server, alice)
    before = await stage.cluster.store.calls.get("c-1")
    assert before is not None
    await first.kill()
    await moved(alice)
    again = await server.expect("INVITE")
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    dialog.target = str(again.contacts[0].uri)
    async with reading(stage.cluster.bus, CDR) as records:
        dialog.send("BYE")
        assert (await alice.ended()).by == "remote"
        record = await records.expect(CallEnded)
        assert (record.call_id, record.agent, record.by, record.status) == ("c-1", second.name, "remote", 200)
        assert record.started_at == before.record.created_at
        assert record.established_at == before.record.established_at
        assert record.duration > 0
        await second.stop()
        assert len(records.events) == 1
