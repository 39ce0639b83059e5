"""Refer-To and Referred-By, in both directions."""

import pytest

from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.transfer.referral import Referral, read_referral, to_replace
from sip_agent.core.transfer.replaces import Replaces

CAROL = SipUri.parse("sip:carol@example.com")


def refer(*refer_to: str, referred_by: str = "") -> Request:
    fields = [("Refer-To", value) for value in refer_to]
    return Request("REFER", "sip:a@b", [*fields, *([("Referred-By", referred_by)] if referred_by else [])])


@pytest.mark.parametrize(
    "referral",
    [
        Referral(CAROL),
        Referral(SipUri.parse("sip:carol@example.com;transport=tcp"), Replaces("12@h:5060?x", "a=b", "&?/")),
        Referral(CAROL, Replaces("a", "1", "2", early_only=True)),
    ],
)
def test_what_is_written_is_read_again(referral: Referral) -> None:
    assert read_referral(refer(referral.refer_to)) == referral


def test_the_value_of_replaces_is_escaped() -> None:
    value = Referral(CAROL, Replaces("12@h", "a", "b")).refer_to
    assert value == "<sip:carol@example.com?Replaces=12%40h%3Bto-tag%3Da%3Bfrom-tag%3Db>"


def test_an_address_may_stand_without_brackets() -> None:
    assert read_referral(refer("sip:carol@example.com")) == Referral(CAROL)
    assert read_referral(refer("Carol <sip:carol@example.com;method=INVITE>;x=1")) == Referral(CAROL)


def test_no_other_header_of_the_target_is_copied() -> None:
    uri = "sip:carol@example.com?Route=%3Csip:evil%3E&replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x&body=y"
    referral = read_referral(refer(f"<{uri}>", referred_by='"Bob" <sip:bob@example.com>;cid="1@x"'))
    assert referral.target == CAROL
    assert referral.headers == [
        ("Replaces", "a;to-tag=1;from-tag=2"),
        ("Referred-By", '"Bob" <sip:bob@example.com>'),
    ]


@pytest.mark.parametrize(
    "replaces",
    [
        "a%3Bto-tag%3D1%3Bfrom-tag%3D2%0D%0ARoute:%20x",
        "a%0D%0AX:%20y%3Bto-tag%3D1%3Bfrom-tag%3D2",
        "a%3Bto-tag%3D%22%0D%0AX:%20y%22%3Bfrom-tag%3D2",
    ],
)
def test_replaces_cannot_bring_a_header_of_its_own(replaces: str) -> None:
    with pytest.raises(SipError):
        read_referral(refer(f"<sip:carol@example.com?Replaces={replaces}>"))


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], 400),
        (["<sip:a@b>", "<sip:c@d>"], 400),
        (["<sip:a@b;method=BYE>"], 501),
        (["<tel:+123>"], 416),
        (["<http://example.com>"], 416),
        (["no address"], 400),
        (["<sip:a@b?Replaces=x>"], 400),
        (["<sip:a@b?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2>"], 400),
    ],
)
def test_what_is_no_call_to_one_address_is_refused(values: list[str], status: int) -> None:
    with pytest.raises(SipError) as refused:
        read_referral(refer(*values))
    assert refused.value.status == status


def dialog(remote: str, remote_target: str) -> Dialog:
    return Dialog(
        call_id="other",
        local_tag="ours",
        remote_tag="theirs",
        local="<sip:alice@example.com>",
        remote=remote,
        local_cseq=1,
        remote_cseq=None,
        remote_target=remote_target,
    )


@pytest.mark.parametrize(
    ("remote", "contact", "target"),
    [
        ("Carol <sip:carol@example.com>", "sip:carol@10.0.0.7:5070", "sip:carol@example.com"),
        ("<sip:carol@example.com>", "sip:carol@example.com;gr=urn:uuid:1", "sip:carol@example.com;gr=urn:uuid:1"),
        ("<sip:anonymous@anonymous.invalid>", "sip:x@192.0.2.7", "sip:x@192.0.2.7"),
        ("<tel:+123>", "sip:x@192.0.2.7", "sip:x@192.0.2.7"),
    ],
)
def test_the_far_side_of_another_call_is_named_so_that_others_reach_it(remote: str, contact: str, target: str) -> None:
    referral = to_replace(dialog(remote, contact))
    assert str(referral.target) == target
    # As its receiver sees it: its own tag is to-tag.
    assert referral.replaces == Replaces("other", "theirs", "ours")
