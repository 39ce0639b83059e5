"""The branches of one INVITE as data. `test_forking` has what a call makes of them."""

import msgspec
from tests.support.sip_calls import FAR_CONTACT, make_reply

from sip_agent.core.dialog.dialog import CSEQ_GAP
from sip_agent.core.dialog.dialog_set import MAX_BRANCHES, DialogSet, description
from sip_agent.core.syntax.message import Request

INVITE = Request(
    "INVITE",
    "sip:bob@example.com",
    [
        ("From", "<sip:alice@example.com>;tag=ours"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "id"),
        ("CSeq", "3 INVITE"),
    ],
)


def test_a_branch_is_what_the_last_provisional_response_makes_it_until_something_was_sent_in_it() -> None:
    dialogs = DialogSet()
    bare = make_reply(INVITE, 180, "one")
    bare.headers.remove("Contact")
    early = dialogs.seen(INVITE, bare)
    assert early is not None and early.dialog.remote_target == "sip:bob@example.com"
    dialogs.put(early)
    early = dialogs.seen(INVITE, make_reply(INVITE, 183, "one"))
    assert early is not None and early.dialog.remote_target == FAR_CONTACT
    dialogs.put(msgspec.structs.replace(early, rseq=1))
    early = dialogs.seen(INVITE, bare)
    assert early is not None and early.dialog.remote_target == FAR_CONTACT


def test_a_2xx_sets_target_and_routes_anew_and_goes_on_counting() -> None:
    dialogs = DialogSet()
    early = dialogs.seen(INVITE, make_reply(INVITE, 183, "one"))
    assert early is not None
    dialogs.put(msgspec.structs.replace(early, dialog=msgspec.structs.replace(early.dialog, local_cseq=9)))
    response = make_reply(INVITE, 200, "one", headers=[("Record-Route", "<sip:p1;lr>, <sip:p2;lr>")])
    dialog = dialogs.confirmed(INVITE, response)
    assert (dialog.local_cseq, dialog.route_set, dialog.is_confirmed) == (9, ("<sip:p2;lr>", "<sip:p1;lr>"), True)
    assert dialogs.confirmed(INVITE, make_reply(INVITE, 200, "unknown")).local_cseq == 3


def test_there_is_an_end_to_the_branches() -> None:
    dialogs = DialogSet()
    for number in range(MAX_BRANCHES):
        early = dialogs.seen(INVITE, make_reply(INVITE, 180, f"tag{number}"))
        assert early is not None
        dialogs.put(early)
    assert dialogs.seen(INVITE, make_reply(INVITE, 180, "another")) is None
    assert dialogs.seen(INVITE, make_reply(INVITE, 180, "tag0")) is not None


def test_the_record_skips_numbers_and_holds_text() -> None:
    dialogs = DialogSet(refused=["late\udcff"])
    early = dialogs.seen(INVITE, make_reply(INVITE, 180, "one"))
    assert early is not None
    dialogs.put(early)
    kept = msgspec.json.decode(msgspec.json.encode(dialogs.for_record()), type=DialogSet)
    assert kept.branches["one"].dialog.local_cseq == 3 + CSEQ_GAP
    assert kept.refused == ["late\ufffd"]


def test_a_body_of_another_type_is_no_description() -> None:
    assert description(make_reply(INVITE, 183, sdp="v=0")) == "v=0"
    other = make_reply(INVITE, 183, sdp="hello")
    other.headers.set("Content-Type", "text/plain")
    assert description(other) == ""
