"""A session without a browser that another relay had: offers whose origin goes on, in the codec that is talked in."""

import pytest
from tests.support.descriptions import phone

from media_relay.core.description.codecs import AUDIO, Codec, Direction
from media_relay.core.description.headless import HeadlessOffers
from media_relay.core.description.negotiation import Local
from media_relay.core.description.rebuilt_headless import RebuiltHeadless
from media_relay.core.description.sdes import OwnSrtp
from media_relay.core.description.sdp import parse
from media_relay.core.description.webrtc import BrowserTransport
from media_relay.core.plan import IceCredentials
from shared.errors import RemoteError

PCMA, PCMU = AUDIO[1], AUDIO[0]
EVENTS = "rtpmap:101 telephone-event/8000"
PHONE = phone(f"audio 4000 RTP/AVP 8 0 101|{EVENTS}")


def local(port: int, host: str) -> Local:
    transport = BrowserTransport(IceCredentials("u", "p"), "AB", (), ())
    return Local("4711", host, ((port, port + 1),), transport, (OwnSrtp(),))


def ours() -> str:
    """How another relay described itself."""
    return HeadlessOffers().offer(local(20000, "192.0.2.1"))


def rebuilt(
    theirs: str = PHONE, direction: Direction = Direction.SENDRECV, codecs: tuple[Codec, ...] = AUDIO
) -> RebuiltHeadless:
    session = RebuiltHeadless(ours(), theirs, direction, codecs)
    assert session.offer(local(30000, "192.0.2.2")) == ""
    return session


def test_the_far_side_is_offered_the_new_place_in_the_codec_that_it_sends() -> None:
    session = rebuilt()
    offer = parse(session.later.offer(Direction.SENDRECV).sdp)
    before = parse(ours()).origin
    assert (offer.origin.session_id, offer.origin.address) == (before.session_id, before.address)
    assert int(offer.origin.session_version) == int(before.session_version) + 1
    assert (offer.connection and offer.connection.address, offer.media[0].port) == ("192.0.2.2", 30000)
    assert offer.media[0].formats == ("8", "101")
    outcome = session.later.answer(phone(f"audio 4000 RTP/AVP 8 101|{EVENTS}"))
    assert outcome.plan is not None and outcome.plan.remote_ice is None
    (stream,) = outcome.plan.streams
    assert (stream.encoding, stream.to_sip, stream.sip_sends, stream.media_to_sip) == ("pcma", {8: 8}, True, 8)


@pytest.mark.parametrize("direction", [Direction.SENDRECV, Direction.SENDONLY])
def test_who_is_held_stays_so(direction: Direction) -> None:
    session = rebuilt(direction=direction)
    answer = parse(session.later.reoffer(PHONE).sdp)
    said = {attribute.name for attribute in answer.media[0].attributes}
    assert direction.attribute.name in said


def test_a_far_side_that_holds_us_still_does() -> None:
    session = rebuilt(PHONE + "a=sendonly\r\n")
    assert session.later.offer(Direction.SENDRECV).is_held


def test_a_partner_gets_the_codec_that_is_talked_in() -> None:
    assert rebuilt().for_partner == (PCMA, AUDIO[-1])
    assert rebuilt(codecs=(PCMU, AUDIO[-1])).for_partner == (PCMU, AUDIO[-1])
    offer = rebuilt(codecs=(PCMU, AUDIO[-1])).later.offer(Direction.SENDRECV).sdp
    assert parse(offer).media[0].formats == ("0", "101")


@pytest.mark.parametrize(
    ("theirs", "codecs"),
    [(phone("audio 4000 RTP/AVP 8"), (PCMU, AUDIO[-1])), (phone("audio 0 RTP/AVP 8"), AUDIO)],
)
def test_what_cannot_go_on_is_refused(theirs: str, codecs: tuple[Codec, ...]) -> None:
    with pytest.raises(RemoteError) as refused:
        RebuiltHeadless(ours(), theirs, Direction.SENDRECV, codecs)
    assert refused.value.status == 488


def test_there_is_no_first_answer() -> None:
    with pytest.raises(RemoteError) as refused:
        rebuilt().answer(PHONE, provisional=False)
    assert refused.value.status == 491
