"""The one way from a URI to the places to send to."""

from collections.abc import Sequence

import pytest

from shared.errors import RemoteError
from sip_agent.core.events import Flow
from sip_agent.core.locating.places import Places
from sip_agent.core.locating.records import Question, Record
from sip_agent.core.policy.destination import DestinationPolicy
from sip_agent.core.syntax.uri import SipUri
from sip_agent.locating.destinations import AGENT_KEPT, Cluster, Destinations
from sip_agent.locating.locator import Locator
from sip_agent.locating.lookup import Lookup


class FakeLookup(Lookup):
    """Answers address questions with what the test gives, once each; others are without records."""

    def __init__(self, *answers: Sequence[Record]) -> None:
        self._answers = iter(answers)

    async def ask(self, question: Question) -> Sequence[Record]:
        return next(self._answers) if question.kind == "ADDRESS" else ()


def make(*allowed: str, lookup: Lookup | None = None, cluster: Cluster | None = None) -> Destinations:
    return Destinations(
        DestinationPolicy(allowed), cluster or Cluster("10.0.0.1:15060"), Locator(lookup or FakeLookup())
    )


def udp(host: str, port: int = 5060) -> Flow:
    return Flow("udp", host, port)


async def refusal(found: Destinations, uri: str, *peers: Flow) -> tuple[int, str]:
    with pytest.raises(RemoteError) as caught:
        await found.find(SipUri.parse(uri), peers=peers)
    return caught.value.status, caught.value.reason


async def test_a_name_is_judged_by_the_address_that_it_leads_to() -> None:
    looped = ["127.0.0.1"]
    assert await refusal(make(lookup=FakeLookup(looped)), "sip:a.test") == (403, "Destination Not Allowed")
    found = await make("127.0.0.1", lookup=FakeLookup(looped)).find(SipUri.parse("sip:a.test"), "udp")
    assert found == Places.only(udp("127.0.0.1"))


async def test_of_several_places_those_that_are_allowed_are_left() -> None:
    lookup = FakeLookup(["10.0.0.9", "8.8.8.8"])
    assert (await make(lookup=lookup).find(SipUri.parse("sip:a.test"))).flows == (udp("8.8.8.8"),)


async def test_maddr_is_judged_not_the_host_beside_it() -> None:
    assert (await refusal(make("10.0.0.5"), "sip:10.0.0.5;maddr=10.0.0.6"))[0] == 403


async def test_an_odd_host_is_refused_without_a_look_up() -> None:
    assert await refusal(make(), "sip:0x7f000001") == (400, "Bad Host")


async def test_a_name_that_changes_its_mind_is_judged_again() -> None:
    found = make(lookup=FakeLookup(["8.8.8.8"], ["169.254.169.254"]))
    assert (await found.find(SipUri.parse("sip:rebinding.test"))).flows == (udp("8.8.8.8"),)
    assert (await refusal(found, "sip:rebinding.test"))[0] == 403


async def test_the_agent_reaches_itself_and_other_agents() -> None:
    cluster = Cluster("10.0.0.1:15060")
    found = make(cluster=cluster)
    assert await found.find(SipUri.parse("sip:10.0.0.1:15060"), "udp") == Places.only(udp("10.0.0.1", 15060))
    assert (await refusal(found, "sip:10.0.0.2:15060"))[0] == 403
    cluster.hear("10.0.0.2:15060", 1.0)
    assert await found.find(SipUri.parse("sip:10.0.0.2:15060"), "udp") == Places.only(udp("10.0.0.2", 15060))


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
    assert (await found.find(SipUri.parse("sip:192.168.1.20"), more_peers=registered)).flows == (udp("192.168.1.20"),)
    assert asked == 1
