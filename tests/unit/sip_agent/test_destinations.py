"""The one way from a URI to a flow."""

import pytest

from shared.errors import RemoteError
from sip_agent import destinations
from sip_agent.core.events import Flow
from sip_agent.core.policy.destination import DestinationPolicy
from sip_agent.core.syntax.uri import SipUri
from sip_agent.destinations import AGENT_KEPT, Cluster, Destinations


def make(*allowed: str) -> Destinations:
    return Destinations(DestinationPolicy(allowed), Cluster("10.0.0.1:15060"))


async def refusal(found: Destinations, uri: str, *peers: Flow) -> tuple[int, str]:
    with pytest.raises(RemoteError) as caught:
        await found.find(SipUri.parse(uri), peers=peers)
    return caught.value.status, caught.value.reason


async def test_a_name_is_judged_by_the_address_that_it_leads_to() -> None:
    assert await refusal(make(), "sip:localhost") == (403, "Destination Not Allowed")
    assert await make("127.0.0.1").find(SipUri.parse("sip:localhost")) == Flow("udp", "127.0.0.1", 5060)


async def test_maddr_is_judged_not_the_host_beside_it() -> None:
    assert (await refusal(make("10.0.0.5"), "sip:10.0.0.5;maddr=10.0.0.6"))[0] == 403


async def test_an_odd_host_is_refused_without_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(uri: SipUri, transport: str = "") -> Flow:
        raise AssertionError(f"{uri} was looked up")

    monkeypatch.setattr(destinations, "resolve", look_up)
    assert await refusal(make(), "sip:0x7f000001") == (400, "Bad Host")


async def test_a_name_that_changes_its_mind_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["8.8.8.8", "169.254.169.254"])

    async def look_up(uri: SipUri, transport: str = "") -> Flow:
        return Flow("udp", next(answers), 5060)

    monkeypatch.setattr(destinations, "resolve", look_up)
    found = make()
    assert (await found.find(SipUri.parse("sip:rebinding.test"))).host == "8.8.8.8"
    assert (await refusal(found, "sip:rebinding.test"))[0] == 403


async def test_the_agent_reaches_itself_and_other_agents() -> None:
    cluster = Cluster("10.0.0.1:15060")
    found = Destinations(DestinationPolicy(), cluster)
    assert await found.find(SipUri.parse("sip:10.0.0.1:15060")) == Flow("udp", "10.0.0.1", 15060)
    assert (await refusal(found, "sip:10.0.0.2:15060"))[0] == 403
    cluster.hear("10.0.0.2:15060", 1.0)
    assert await found.find(SipUri.parse("sip:10.0.0.2:15060")) == Flow("udp", "10.0.0.2", 15060)


def test_an_agent_that_is_not_heard_for_long_is_forgotten() -> None:
    cluster = Cluster("10.0.0.1:5060")
    cluster.hear("10.0.0.2:5060", 1.0)
    cluster.hear("10.0.0.3:5060", 2.0 + AGENT_KEPT)
    assert sorted(cluster.addresses) == ["10.0.0.1:5060", "10.0.0.3:5060"]


async def test_other_peers_are_asked_for_only_where_nothing_else_allows_the_place() -> None:
    asked = 0

    async def registered() -> list[Flow]:
        nonlocal asked
        asked += 1
        return [Flow("tcp", "192.168.1.20", 40000)]

    found = make("10.0.0.5")
    await found.find(SipUri.parse("sip:10.0.0.5"), more_peers=registered)
    await found.find(SipUri.parse("sip:192.168.1.9"), peers=[Flow("udp", "192.168.1.9", 5060)], more_peers=registered)
    assert asked == 0
    assert (await found.find(SipUri.parse("sip:192.168.1.20"), more_peers=registered)).port == 5060
    assert asked == 1
