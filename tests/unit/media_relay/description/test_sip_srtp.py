"""Exchanges with the SIP side about SRTP and about multiplexed RTCP, in both directions and later in a call."""

import base64
from dataclasses import replace

import pytest
from tests.support.descriptions import ICE, LOCAL, SRTP, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.codecs import Direction
from media_relay.core.description.delayed_offer import DelayedOffer
from media_relay.core.description.later_offers import LaterOffers
from media_relay.core.description.negotiation import Local, Outcome
from media_relay.core.description.sdes import SrtpPolicy
from media_relay.core.description.sdp import Media, parse
from media_relay.core.description.sip_offers import SipOffers
from media_relay.core.plan import Address, StreamPlan
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from shared.errors import RemoteError

CM, GCM = SrtpProfile.AES128_CM_SHA1_80, SrtpProfile.AEAD_AES_128_GCM
SHORT = SrtpProfile.AES128_CM_SHA1_32
_NAMES = {CM: "AES_CM_128_HMAC_SHA1_80", SHORT: "AES_CM_128_HMAC_SHA1_32"}
BROWSER_ANSWER = sdp("chromium_audio_video_answer").replace("m=video 9", "m=video 0").replace("BUNDLE 0 1", "BUNDLE 0")
AUDIO_ANSWER = BROWSER_ANSWER[: BROWSER_ANSWER.index("m=video")]


def master(profile: SrtpProfile, byte: int = 7) -> bytes:
    return bytes([byte]) * (profile.key_length + profile.salt_length)


def crypto(tag: int, profile: SrtpProfile, byte: int = 7) -> str:
    """The phone's attribute."""
    return f"crypto:{tag} {_NAMES.get(profile, profile.name)} inline:{base64.b64encode(master(profile, byte)).decode()}"


def keys(profile: SrtpProfile, byte: int = 7) -> SrtpKeys:
    return SrtpKeys(profile, receive=master(profile, byte), send=SRTP.keys[profile])


def local(policy: SrtpPolicy, streams: int = 2) -> Local:
    return replace(LOCAL, ports=LOCAL.ports[:streams], sip_srtp=(replace(SRTP, policy=policy),) * streams)


def audio(text: str) -> Media:
    return parse(text).media[0]


def cryptos(text: str) -> list[str]:
    """Tag and suite of each."""
    return [" ".join(value.split()[:2]) for value in audio(text).values("crypto")]


def stream(outcome: Outcome) -> StreamPlan:
    assert outcome.plan
    return outcome.plan.streams[0]


def calling(policy: SrtpPolicy) -> tuple[BrowserOffers, str]:
    """A call of the browser, and our offer."""
    negotiation = BrowserOffers(sdp("chromium_audio_video_offer"))
    return negotiation, negotiation.offer(local(policy))


def called(offer: str, policy: SrtpPolicy = "off") -> tuple[LaterOffers, Outcome]:
    """A call to the browser that has been answered."""
    negotiation = SipOffers(offer, policy)
    negotiation.offer(local(policy, 1))
    outcome = negotiation.answer(AUDIO_ANSWER, provisional=False)
    return negotiation.later, outcome


ALL = ["1 AEAD_AES_128_GCM", "2 AEAD_AES_256_GCM", "3 AES_CM_128_HMAC_SHA1_80"]


@pytest.mark.parametrize(
    ("policy", "protocol", "offered"),
    [("off", "RTP/AVP", []), ("optional", "RTP/AVP", ALL), ("required", "RTP/SAVP", ALL)],
)
def test_the_policy_says_what_we_offer(policy: SrtpPolicy, protocol: str, offered: list[str]) -> None:
    _, offer = calling(policy)
    assert (audio(offer).protocol, cryptos(offer)) == (protocol, offered)
    assert not audio(offer).has("rtcp-mux")


def test_without_an_offer_of_theirs_the_policy_says_what_we_offer_too() -> None:
    negotiation = DelayedOffer()
    negotiation.offer(local("required", 1))
    offer = negotiation.answer(AUDIO_ANSWER, provisional=False).sdp
    assert (audio(offer).protocol, cryptos(offer)) == ("RTP/SAVP", ALL)


@pytest.mark.parametrize(("policy", "protocol"), [("optional", "RTP/AVP"), ("required", "RTP/SAVP")])
def test_what_the_answer_takes_protects_both_ways(policy: SrtpPolicy, protocol: str) -> None:
    negotiation, _ = calling(policy)
    answer = phone(f"audio 4000 {protocol} 0|{crypto(3, CM)}")
    assert stream(negotiation.answer(answer, provisional=False)).sip_srtp == keys(CM)


def test_an_answer_may_pass_over_keys_that_are_optional() -> None:
    negotiation, _ = calling("optional")
    assert stream(negotiation.answer(phone("audio 4000 RTP/AVP 0"), provisional=False)).sip_srtp is None


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        ("required", "audio 4000 RTP/AVP 0"),
        ("required", "audio 4000 RTP/SAVP 0"),
        ("required", f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"),  # that tag was another suite's
        ("required", f"audio 4000 RTP/SAVP 0|{crypto(4, CM)}"),
        ("optional", f"audio 4000 RTP/SAVP 0|{crypto(4, CM)}"),
        ("off", f"audio 4000 RTP/SAVP 0|{crypto(3, CM)}"),
    ],
)
def test_an_answer_that_takes_what_was_not_offered_is_refused(policy: SrtpPolicy, line: str) -> None:
    negotiation, _ = calling(policy)
    with pytest.raises(RemoteError) as refused:
        negotiation.answer(phone(line), provisional=False)
    assert refused.value.status == 488


def test_keys_that_nobody_offered_are_passed_over() -> None:
    negotiation, _ = calling("off")
    answer = phone(f"audio 4000 RTP/AVP 0|{crypto(3, CM)}")
    assert stream(negotiation.answer(answer, provisional=False)).sip_srtp is None


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_offered_keys_are_answered_under_their_tag_whatever_our_policy(protocol: str) -> None:
    unknown = f"crypto:1 F8_128_HMAC_SHA1_80 inline:{'A' * 40}"
    _, outcome = called(phone(f"audio 4000 {protocol} 0|{unknown}|{crypto(9, CM)}|{crypto(10, GCM)}"))
    assert (audio(outcome.sdp).protocol, cryptos(outcome.sdp)) == (protocol, ["9 AES_CM_128_HMAC_SHA1_80"])
    assert stream(outcome).sip_srtp == keys(CM)


def test_short_tags_are_taken_of_who_offers_nothing_better_before_them() -> None:
    _, outcome = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, SHORT)}|{crypto(2, CM)}"))
    assert cryptos(outcome.sdp) == ["1 AES_CM_128_HMAC_SHA1_32"]
    assert stream(outcome).sip_srtp == keys(SHORT)


def test_a_master_key_identifier_is_not_taken() -> None:
    """RFC 4568 §6.1: it would stand in each packet. Another suite of the offer is, and without one there is no call."""
    alone, with_another = (
        phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}{other}").replace(crypto(1, CM), crypto(1, CM) + "|2^31|1:1")
        for other in ("", f"|{crypto(7, GCM)}")
    )
    with pytest.raises(RemoteError) as refused:
        SipOffers(alone)
    assert refused.value.status == 488
    _, outcome = called(with_another)
    assert cryptos(outcome.sdp) == ["7 AEAD_AES_128_GCM"]


def test_nothing_in_the_clear_is_taken_where_srtp_is_required() -> None:
    with pytest.raises(RemoteError) as refused:
        SipOffers(phone("audio 4000 RTP/AVP 0"), "required")
    assert refused.value.status == 488
    later, _ = called(phone(f"audio 4000 RTP/AVP 0|{crypto(1, CM)}"), "required")
    assert audio(later.offer(Direction.SENDRECV).sdp).protocol == "RTP/SAVP"
    with pytest.raises(RemoteError):
        later.answer(phone("audio 4000 RTP/AVP 0"))
    with pytest.raises(RemoteError):
        later.reoffer(phone("audio 4000 RTP/AVP 0"))


def test_a_later_offer_of_theirs_keeps_our_key_and_may_bring_another_of_theirs() -> None:
    later, outcome = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    again = later.reoffer(phone(f"audio 4000 RTP/SAVP 0|{crypto(2, CM, byte=8)}"))
    assert audio(again.sdp).value("crypto") == str(audio(outcome.sdp).value("crypto")).replace("1 ", "2 ", 1)
    assert stream(again).sip_srtp == keys(CM, byte=8)


def test_a_later_offer_of_ours_is_as_safe_as_what_was_agreed_and_keeps_our_keys() -> None:
    later, outcome = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"), "off")
    offer = audio(later.offer(Direction.SENDONLY).sdp)
    assert (offer.protocol, len(offer.values("crypto"))) == ("RTP/SAVP", 3)
    assert offer.values("crypto")[2].split()[2] == str(audio(outcome.sdp).value("crypto")).split()[2]
    held = later.answer(phone(f"audio 4000 RTP/SAVP 0|recvonly|{crypto(3, CM)}"))
    assert stream(held).sip_srtp == keys(CM)


def test_another_far_side_may_have_another_suite() -> None:
    later, _ = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    later.offer(Direction.SENDRECV)
    assert stream(later.answer(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, GCM)}"))).sip_srtp == keys(GCM)


OTHER = replace(SRTP, keys={profile: master(profile, 9) for profile in SrtpProfile})


def test_another_far_side_gets_other_keys_and_its_answer_is_protected_with_them() -> None:
    later, outcome = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    first = later.offer(Direction.SENDRECV).sdp
    offer = later.offer(Direction.SENDRECV, [OTHER]).sdp
    told = [set(audio(text).values("crypto")) for text in (first, offer)]
    assert told[0].isdisjoint(told[1])
    plan = stream(later.answer(phone(f"audio 4000 RTP/SAVP 0|{crypto(3, CM)}", host="192.0.2.99")))
    assert plan.sip_srtp == SrtpKeys(CM, receive=master(CM), send=OTHER.keys[CM])
    assert set(audio(later.offer(Direction.SENDONLY).sdp).values("crypto")) == told[1]


def test_a_far_side_that_refuses_leaves_the_keys_as_they_were() -> None:
    later, _ = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    later.offer(Direction.SENDRECV, [OTHER])
    held = later.reoffer(phone(f"audio 4000 RTP/SAVP 0|sendonly|{crypto(1, CM)}"))
    assert stream(held).sip_srtp == keys(CM)


def test_an_offer_of_another_far_side_is_answered_with_other_keys() -> None:
    later, _ = called(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    replacing = later.reoffer(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM, byte=8)}", host="192.0.2.99"), [OTHER])
    assert stream(replacing).sip_srtp == SrtpKeys(CM, receive=master(CM, 8), send=OTHER.keys[CM])
    back = later.reoffer(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"), [SRTP])
    assert stream(back).sip_srtp == keys(CM)


def test_rtcp_that_is_offered_on_the_rtp_port_goes_there() -> None:
    later, outcome = called(phone("audio 4000 RTP/AVP 0|rtcp-mux"))
    answer = audio(outcome.sdp)
    assert answer.has("rtcp-mux")
    assert answer.value("rtcp") == str(answer.port)  # RFC 8035 §3: no other, where there is one
    plan = stream(outcome)
    assert plan.sip_rtcp == plan.sip_rtp == Address("192.0.2.20", 4000)
    offer = audio(later.offer(Direction.SENDRECV).sdp)
    assert offer.has("rtcp-mux")
    assert offer.value("rtcp") == str(offer.port + 1)  # RFC 5761 §5.1.1: for who does not know how
    assert stream(later.answer(phone("audio 4000 RTP/AVP 0|rtcp-mux"))).sip_rtcp == Address("192.0.2.20", 4000)
    later.offer(Direction.SENDRECV)
    assert stream(later.answer(phone("audio 4000 RTP/AVP 0"))).sip_rtcp == Address("192.0.2.20", 4001)


def test_multiplexing_that_was_not_offered_is_passed_over() -> None:
    negotiation, _ = calling("off")
    answer = phone("audio 4000 RTP/AVP 0|rtcp-mux")
    assert stream(negotiation.answer(answer, provisional=False)).sip_rtcp == Address("192.0.2.20", 4001)


def test_nothing_of_the_sip_sides_keys_is_told_to_the_browser() -> None:
    negotiation = SipOffers(phone(f"audio 4000 RTP/SAVP 0|{crypto(1, CM)}"))
    offer = negotiation.offer(local("optional", 1))
    assert "crypto" not in offer
    assert ICE.ufrag in offer
