"""Who hears of a flow that is gone."""

from sip_agent.core.events import Flow
from sip_agent.core.keep_alive import KeepAlive
from sip_agent.transport.flow_watch import FlowWatch

TCP = Flow("tcp", "192.0.2.1", 5060)


class User:
    """Counts on flows."""

    def __init__(self) -> None:
        self.lost: list[Flow] = []

    def flow_lost(self, flow: Flow) -> None:
        self.lost.append(flow)


async def test_all_who_count_on_a_flow_hear_once_that_it_is_gone() -> None:
    watch = FlowWatch(KeepAlive(25.0, lambda: 0.5), lambda *_: None, lambda *_: None)
    one, other, gone = User(), User(), User()
    for user in (one, other, gone):
        watch.keep(TCP, user)
    watch.release(TCP, gone)
    watch.failed(TCP)
    watch.failed(TCP)
    assert (one.lost, other.lost, gone.lost) == ([TCP], [TCP], [])
    watch.close()


async def test_a_dead_connection_is_dropped() -> None:
    clock = iter([-300.0])  # kept so long ago that ping and pong are overdue

    class Overdue(KeepAlive):
        def keep(self, flow: Flow, now: float) -> None:
            super().keep(flow, now + next(clock))

    sent: list[bytes] = []
    dropped: list[Flow] = []
    core = Overdue(25.0, lambda: 0.5)
    watch = FlowWatch(core, lambda data, _: sent.append(data), lambda flow, _: dropped.append(flow))
    watch.keep(TCP, User())
    watch._on_timer()
    due = core.next_timer()
    assert due is not None
    core.handle_timer(due)
    watch._drain()
    assert (sent, dropped) == ([b"\r\n\r\n"], [TCP])
    watch.close()
