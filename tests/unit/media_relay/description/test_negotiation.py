"""What both ways of setting up a call have in common."""

from tests.support.descriptions import phone

from media_relay.core.description.codecs import Codec, Direction
from media_relay.core.description.negotiation import Issuer, Leg, Numbered, answer_sip_offer, pair, stream_plan
from media_relay.core.description.rtp_avp import describe, read_streams
from media_relay.core.description.sdp import Attribute, parse
from media_relay.core.plan import StreamPlan

PCMU, PCMA = Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000)
EVENTS = Codec(101, "telephone-event", 8000)


def leg(line: int = 0, direction: Direction = Direction.SENDRECV) -> Leg:
    return Leg("audio", line, (Numbered(PCMU, 0, 0),), direction, (30000, 30001))


def test_the_version_counts_changes_and_the_session_id_stays() -> None:
    issuer = Issuer("4711", "2001:db8::1")
    one, other = describe("192.0.2.1", []), describe("192.0.2.2", [])
    issued = [issuer.issue(description) for description in (one, one, other, one)]
    assert [text.split("\r\n")[1] for text in issued] == [
        f"o=- 4711 {version} IN IP6 2001:db8::1" for version in (1, 1, 2, 3)
    ]


def test_pairs_are_in_the_order_of_the_other_side_and_take_each_of_ours_once() -> None:
    twice = Codec(100, "PCMU", 8000)
    assert pair([PCMA, PCMU, twice, EVENTS], [PCMU, PCMA, EVENTS]) == [(PCMA, PCMA), (PCMU, PCMU), (EVENTS, EVENTS)]


def test_events_alone_are_no_pair() -> None:
    assert pair([EVENTS, PCMA], [EVENTS, PCMU]) == []


def test_a_stream_that_the_other_side_rejects_is_stopped() -> None:
    assert stream_plan(leg(), None, []) == StreamPlan("audio", browser_sends=False, sip_sends=False)


def test_each_side_gets_the_number_that_it_asked_for() -> None:
    (stream,) = read_streams(parse(phone("audio 4000 RTP/AVP 0")))
    plan = stream_plan(leg(), stream, [(Numbered(PCMU, 1, 2), Numbered(PCMU, 3, 4))])
    assert plan.to_sip == {1: 4}
    assert plan.to_browser == {3: 2, 4: 2}


def test_a_later_offer_is_answered_line_by_line_where_the_session_has_a_stream() -> None:
    description, plans = answer_sip_offer(
        "192.0.2.1", [leg(1)], phone("video 4000 RTP/AVP 96|rtpmap:96 VP8/90000", "audio 4002 RTP/AVP 0")
    )
    assert [(media.kind, media.port) for media in description.media] == [("video", 0), ("audio", 30000)]
    assert [plan.to_sip for plan in plans] == [{0: 0}]


def test_a_browser_that_only_listens_still_does_after_a_later_offer() -> None:
    description, plans = answer_sip_offer(
        "192.0.2.1", [leg(direction=Direction.RECVONLY)], phone("audio 4002 RTP/AVP 0")
    )
    assert Attribute("recvonly") in description.media[0].attributes
    assert (plans[0].browser_sends, plans[0].sip_sends) == (False, True)
