"""The state machine of a media session, with a negotiation that only tells what it was asked."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from media_relay.core.description.codecs import Direction
from media_relay.core.description.negotiation import Local, Outcome
from media_relay.core.description.sdes import FarSideKeys, OwnSrtp
from media_relay.core.description.webrtc import BrowserTransport
from media_relay.core.plan import IceCredentials, SessionPlan, StreamPlan
from media_relay.core.session import MediaSession, Owner, State
from shared.errors import RemoteError
from shared.messages.media import Side

PLAN = SessionPlan()
TRANSPORT = BrowserTransport(IceCredentials("frag", "password"), "AB:CD", ())
VIDEO = {
    "video": SessionPlan(streams=(StreamPlan("video", to_sip={96: 96}),)),
    "video with feedback": SessionPlan(streams=(StreamPlan("video", to_sip={96: 96}, sip_takes_pli=True),)),
}


class Later:
    """What goes on, likewise."""

    has_offered = is_renewing = False

    def __init__(self) -> None:
        self.srtp: list[Sequence[OwnSrtp]] = []  # with which offers were made and taken

    def offer(self, direction: Direction, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        self.has_offered = True
        self.srtp.append(srtp)
        return Outcome(f"offer {direction.attribute.name}", None)

    def answer(self, sdp: str) -> Outcome:
        if sdp == "bad":
            raise RemoteError(488, "Not Acceptable Here")
        return Outcome(f"taken {sdp}", PLAN)

    def reoffer(self, sdp: str, srtp: Sequence[OwnSrtp] = ()) -> Outcome:
        self.srtp.append(srtp)
        return Outcome(f"answer to {sdp}", PLAN, is_held=True)

    def renew(self, transport: BrowserTransport, session_id: str) -> str:
        self.is_renewing = True
        return f"offer {session_id} by {transport.fingerprint}"

    def renewed(self, sdp: str, streams: Sequence[StreamPlan]) -> Outcome:
        self.is_renewing = False
        return Outcome("", replace(PLAN, streams=tuple(streams)))


class Script:
    """A negotiation that answers with the name of what was asked; "bad" is refused."""

    stream_count = 1

    def __init__(self) -> None:
        self.later = Later()

    def offer(self, local: Local) -> str:
        return "offer"

    def answer(self, sdp: str, provisional: bool) -> Outcome:
        if sdp == "bad":
            raise RemoteError(488, "Not Acceptable Here")
        return Outcome(f"{'early' if provisional else 'final'} {sdp}", VIDEO.get(sdp, PLAN))


def made_by(offerer: Side | None, negotiation: Script | None = None) -> MediaSession:
    keys = FarSideKeys((OwnSrtp("off"),), lambda: (OwnSrtp("required"),))
    return MediaSession(
        Owner("call", "agent"), offerer, negotiation or Script(), keys, now=100.0, unclaimed_seconds=30.0
    )


@pytest.fixture
def session() -> MediaSession:
    return made_by("browser")


def answer(
    session: MediaSession, sdp: str = "1", *, provisional: bool = False, epoch: int = 1, now: float = 101.0
) -> str:
    return session.answer("sip", sdp, provisional, epoch, now).sdp


def test_provisional_answers_then_the_final_one(session: MediaSession) -> None:
    assert answer(session, provisional=True) == "early 1"
    assert session.state is State.EARLY
    assert answer(session, "2", provisional=True) == "early 2"
    assert answer(session, "3") == "final 3"
    assert session.state is State.ANSWERED


def test_a_final_answer_alone(session: MediaSession) -> None:
    assert answer(session) == "final 1"
    assert session.state is State.ANSWERED


def test_after_the_final_answer_a_provisional_one_is_out_of_place(session: MediaSession) -> None:
    answer(session)
    with pytest.raises(RemoteError, match="491 Provisional Answer While Answered"):
        answer(session, provisional=True)


def test_our_offer_may_be_answered_again(session: MediaSession) -> None:
    answer(session)
    assert answer(session, "2") == "final 2"


def test_another_far_side_is_told_other_keys() -> None:
    negotiation = Script()
    session = made_by("browser", negotiation)
    session.answer("sip", "1", False, 1, 101.0, far_side="bob")
    session.request_offer("sendonly", 1, far_side="bob")
    session.request_offer("sendrecv", 1, far_side="carol")
    session.offer("sip", "bob's", 1, far_side="bob")
    assert [srtp[0].policy for srtp in negotiation.later.srtp] == ["off", "required", "off"]


def test_an_answered_session_takes_offers_of_the_sip_side(session: MediaSession) -> None:
    answer(session)
    assert session.offer("sip", "hold", 1) == Outcome("answer to hold", PLAN, is_held=True)
    assert session.state is State.ANSWERED


@pytest.mark.parametrize("provisional", [None, True])
def test_before_the_final_answer_an_offer_is_out_of_place(session: MediaSession, provisional: bool | None) -> None:
    if provisional:
        answer(session, provisional=True)
    with pytest.raises(RemoteError, match="491 Offer While"):
        session.offer("sip", "hold", 1)


def test_a_later_offer_of_the_browser_is_not_implemented(session: MediaSession) -> None:
    answer(session)
    with pytest.raises(RemoteError, match="501"):
        session.offer("browser", "video", 1)


def test_a_browser_that_comes_anew_changes_neither_the_state_nor_the_streams(session: MediaSession) -> None:
    session.answer("sip", "video", False, 1, 101.0)
    session.check_renewal(1)
    assert session.renew(TRANSPORT, "17").sdp == "offer 17 by AB:CD"
    plan = session.answer("browser", "x", False, 1, 102.0).plan
    assert plan is not None and plan.streams == VIDEO["video"].streams
    assert session.state is State.ANSWERED
    with pytest.raises(RemoteError, match="400 That Side Has No Offer"):
        session.answer("browser", "x", False, 1, 102.0)


def test_a_browser_may_come_anew_while_an_offer_of_ours_is_with_the_sip_side(session: MediaSession) -> None:
    answer(session)
    session.request_offer("sendonly", 1)
    session.check_renewal(1)
    session.renew(TRANSPORT, "17")
    session.answer("browser", "x", False, 1, 102.0)
    assert session.state is State.OFFERING
    assert answer(session) == "taken 1"


@pytest.mark.parametrize("provisional", [None, True])
def test_a_browser_cannot_come_anew_before_the_final_answer(session: MediaSession, provisional: bool | None) -> None:
    if provisional:
        answer(session, provisional=True)
    with pytest.raises(RemoteError, match="491 Renewal While"):
        session.check_renewal(1)


def test_only_the_owner_lets_a_browser_come_anew(session: MediaSession) -> None:
    session.answer("sip", "1", False, 2, 101.0)
    with pytest.raises(RemoteError, match="409"):
        session.check_renewal(1)
    session.check_renewal(2)
    session.renew(TRANSPORT, "17")
    with pytest.raises(RemoteError, match="409"):
        session.answer("browser", "x", False, 1, 102.0)


def test_a_session_whose_browser_is_back_does_not_end_by_itself(session: MediaSession) -> None:
    answer(session)
    session.lost(110.0)
    assert session.expires_at == 140.0
    session.regained()
    assert session.expires_at is None


def test_a_browser_that_was_not_lost_leaves_the_wait_for_an_owner_as_it_is(session: MediaSession) -> None:
    session.regained()
    assert session.expires_at == 130.0


@pytest.mark.parametrize("offerer", ["browser", "sip", None])
def test_later_offers_of_ours_go_to_the_sip_side_whoever_offered_first(offerer: Side | None) -> None:
    session = made_by(offerer)
    if offerer != "browser":
        session.answer("browser", "1", False, 1, 101.0)
    if offerer != "sip":
        answer(session)
    assert session.request_offer("sendonly", 1) == Outcome("offer sendonly", None)
    assert session.state is State.OFFERING
    assert answer(session) == "taken 1"
    assert session.state is State.ANSWERED


def test_an_offer_of_ours_that_is_not_answered_gives_way_to_any_other(session: MediaSession) -> None:
    answer(session)
    session.request_offer("sendonly", 1)
    assert session.request_offer("inactive", 1).sdp == "offer inactive"
    with pytest.raises(RemoteError, match="491 Provisional Answer While Offering"):
        answer(session, provisional=True)
    with pytest.raises(RemoteError, match="488"):
        answer(session, "bad")
    assert session.state is State.OFFERING
    assert session.offer("sip", "theirs", 1).sdp == "answer to theirs"
    assert session.state is State.ANSWERED


@pytest.mark.parametrize("offerer", ["browser", "sip"])
def test_our_later_offer_may_be_answered_after_another_change(offerer: Side) -> None:
    session = made_by(offerer)
    session.answer("sip" if offerer == "browser" else "browser", "1", False, 1, 101.0)
    session.request_offer("sendrecv", 1)
    session.offer("sip", "a change of the one who transfers us", 1)
    assert answer(session, "the new far side's") == "taken the new far side's"


def test_before_anything_is_answered_no_later_offer_can_be_made(session: MediaSession) -> None:
    with pytest.raises(RemoteError, match="491 Request Of An Offer While Allocated"):
        session.request_offer("sendonly", 1)


def test_a_delayed_offer_is_answered_by_the_browser_then_by_the_sip_side() -> None:
    session = made_by(None)
    with pytest.raises(RemoteError, match="400"):
        answer(session)
    assert session.answer("browser", "1", False, 1, 101.0).sdp == "final 1"
    assert session.state is State.OFFERED
    for what in (lambda: session.offer("sip", "x", 1), lambda: session.request_offer("sendrecv", 1)):
        with pytest.raises(RemoteError, match="491"):
            what()
    with pytest.raises(RemoteError, match="400"):
        session.answer("browser", "1", False, 1, 101.0)
    assert answer(session) == "taken 1"
    for side in ("browser", "sip"):
        with pytest.raises(RemoteError, match="400"):
            session.answer(side, "2", False, 1, 101.0)


def test_the_side_that_offered_cannot_answer(session: MediaSession) -> None:
    with pytest.raises(RemoteError, match="400"):
        session.answer("browser", "1", False, 1, 101.0)


def test_a_refused_answer_changes_nothing(session: MediaSession) -> None:
    with pytest.raises(RemoteError, match="488"):
        answer(session, "bad")
    assert (session.state, session.answered_at) == (State.ALLOCATED, None)
    assert session.expires_at == 130.0


def test_a_lower_epoch_than_seen_is_refused(session: MediaSession) -> None:
    answer(session, epoch=5)
    for stale in (
        lambda: answer(session, epoch=4),
        lambda: session.offer("sip", "x", 4),
        lambda: session.check(4),
    ):
        with pytest.raises(RemoteError, match="409 Stale Epoch"):
            stale()
    session.check(5)
    session.check(6)


def test_a_session_expires_unless_its_agent_commands_it(session: MediaSession) -> None:
    assert session.expires_at == 130.0
    answer(session, provisional=True)
    assert session.expires_at is None


def test_a_lost_browser_lets_the_session_expire_again(session: MediaSession) -> None:
    answer(session)
    session.lost(200.0)
    assert session.expires_at == 230.0


def test_a_command_to_a_session_without_its_browser_does_not_keep_it_for_ever(session: MediaSession) -> None:
    answer(session)
    session.lost(200.0)
    session.offer("sip", "hold", 1)
    assert session.expires_at == 230.0


def test_the_first_answer_is_timed(session: MediaSession) -> None:
    answer(session, provisional=True, now=103.0)
    answer(session, now=110.0)
    assert (session.allocated_at, session.answered_at) == (100.0, 103.0)


def test_a_whole_picture_is_asked_for_once_in_half_a_second_and_side(session: MediaSession) -> None:
    answer(session, "video with feedback")
    asked = [session.request_keyframe("browser", 1, now) for now in (0.0, 0.1, 0.49, 0.5, 0.9, 1.0)]
    assert asked == [True, False, False, True, False, True]
    assert session.request_keyframe("sip", 1, 1.0)


def test_without_video_there_is_no_picture(session: MediaSession) -> None:
    for _ in range(2):
        with pytest.raises(RemoteError, match="488"):
            session.request_keyframe("browser", 1, 0.0)
        answer(session)


def test_a_far_side_that_reads_no_feedback_is_not_asked(session: MediaSession) -> None:
    answer(session, "video")
    with pytest.raises(RemoteError, match="501"):
        session.request_keyframe("sip", 1, 0.0)
    assert session.request_keyframe("browser", 1, 0.0)


def test_an_old_owner_cannot_ask_for_a_picture(session: MediaSession) -> None:
    answer(session, "video", epoch=2)
    with pytest.raises(RemoteError, match="409"):
        session.request_keyframe("browser", 1, 0.0)
