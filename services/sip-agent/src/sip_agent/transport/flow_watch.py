"""Who counts on which flow, and what keeps it alive: `core.keep_alive` with a timer (RFC 5626 §4.4)."""

import time
from collections.abc import Callable
from typing import Protocol

import structlog

from sip_agent.alarm import Alarm
from sip_agent.core.events import Flow, SendMessage
from sip_agent.core.keep_alive import FlowLost, KeepAlive

_log = structlog.get_logger(__name__)


class FlowUser(Protocol):
    """Whoever can be reached by a flow alone."""

    def flow_lost(self, flow: Flow) -> None:
        """Take the word that it is gone; told once."""


class FlowWatch:
    """Many may count on one flow. `drop` gives up a connection, which is then heard of as `failed`."""

    def __init__(self, core: KeepAlive, send: Callable[[bytes, Flow], None], drop: Callable[[Flow, str], None]) -> None:
        self._core = core
        self._send = send
        self._drop = drop
        self._users: dict[Flow, set[FlowUser]] = {}
        self._alarm = Alarm(self._on_timer)

    @property
    def flows(self) -> list[Flow]:
        """The flows that somebody counts on."""
        return list(self._users)

    def keep(self, flow: Flow, user: FlowUser) -> None:
        """Keep a flow alive for `user`."""
        self._users.setdefault(flow, set()).add(user)
        self._core.keep(flow, time.monotonic())
        self._drain()

    def release(self, flow: Flow, user: FlowUser) -> None:
        """`user` no longer counts on it."""
        users = self._users.get(flow)
        if users is not None:
            users.discard(user)
            if not users:
                del self._users[flow]
                self._core.release(flow)
                self._drain()

    def heard(self, flow: Flow) -> None:
        """Take note that something came from there."""
        if flow in self._users:
            self._core.hear(flow, time.monotonic())

    def failed(self, flow: Flow) -> None:
        """Tell those who count on a flow that it is gone."""
        self._core.release(flow)
        for user in self._users.pop(flow, ()):
            user.flow_lost(flow)
        self._drain()

    def close(self) -> None:
        """Stop the timer."""
        self._alarm.stop()

    def _drain(self) -> None:
        for output in self._core.take_output():
            match output:
                case SendMessage(data, flow):
                    self._send(data, flow)
                case FlowLost(flow):
                    _log.info("flow is dead", transport=flow.transport, host=flow.host, port=flow.port)
                    self._drop(flow, "no answer to a keep-alive")
        self._alarm.set(self._core.next_timer())

    def _on_timer(self) -> None:
        self._core.handle_timer(time.monotonic())
        self._drain()
