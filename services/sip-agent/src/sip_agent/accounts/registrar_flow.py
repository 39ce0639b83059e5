"""The flow that an account's registration counts on: the way back to us, which may be through a NAT (RFC 5626 §4)."""

from collections.abc import Callable

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import Response
from sip_agent.transport.endpoint import Endpoint


class RegistrarFlow:
    """`on_lost`: the registrar cannot reach us by it any more. `public`: where it sees us, if that is behind a NAT."""

    __slots__ = ("_endpoint", "_on_lost", "flow", "public")

    def __init__(self, endpoint: Endpoint, on_lost: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._on_lost = on_lost
        self.flow: Flow | None = None
        self.public: tuple[str, int] | None = None

    def registered(self, transaction: TransactionId, response: Response) -> None:
        """Take the 2xx of a REGISTER: its flow is kept alive from now on, if a connection or a NAT needs that."""
        flow = self._endpoint.flow_of(transaction)
        self.public = response.top_via.seen_at
        if flow != self.flow:
            self.release()
            self.flow = flow
        if flow is not None and (flow.reliable or self.public is not None):
            self._endpoint.flows.keep(flow, self)

    def release(self) -> None:
        """Nothing counts on the flow any more."""
        if self.flow is not None:
            self._endpoint.flows.release(self.flow, self)
            self.flow = None

    def flow_lost(self, flow: Flow) -> None:
        """Take the word that the flow is gone."""
        self.flow = None
        self._on_lost()
