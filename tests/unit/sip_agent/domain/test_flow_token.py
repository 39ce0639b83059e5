"""Tokens that name a flow: read by every agent of the cluster, made by nobody else."""

import pytest

from sip_agent.core.domain.flow_token import FlowTokens


@pytest.mark.parametrize("flow", ["tcp:192.0.2.1:5060", "tls:2001:db8::1:40001", "udp:192.0.2.1:1"])
def test_a_token_names_its_flow_to_whoever_has_the_key(flow: str) -> None:
    assert FlowTokens(b"key").read(FlowTokens(b"key").make(flow)) == flow


def test_a_token_of_another_key_or_of_no_making_names_nothing() -> None:
    ours = FlowTokens(b"key")
    assert ours.read(FlowTokens(b"other").make("tcp:192.0.2.1:5060")) is None
    made = ours.make("tcp:192.0.2.1:5060")
    assert [ours.read(token) for token in (made[:-2] + "AA", "bob", "a", "", "%%%")] == [None] * 5


def test_a_token_of_either_key_is_read_and_the_first_makes_them() -> None:
    both = FlowTokens(b"key", b"second")
    assert both.read(FlowTokens(b"second").make("udp:192.0.2.1:1")) == "udp:192.0.2.1:1"
    assert FlowTokens(b"key").read(both.make("udp:192.0.2.1:1")) == "udp:192.0.2.1:1"
