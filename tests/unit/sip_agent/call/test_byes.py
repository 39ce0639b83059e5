"""BYEs and what comes back for them."""

import pytest
from tests.support.sip_calls import CHALLENGE, make_identity, make_reply, request_of

from sip_agent.core.auth.credentials import answer
from sip_agent.core.call.byes import Byes
from sip_agent.core.call.facts import End
from sip_agent.core.call.outputs import CallOutput
from sip_agent.core.dialog.dialog import Dialog

DIALOG = Dialog(
    call_id="id",
    local_tag="ours",
    remote_tag="far",
    local="<sip:alice@example.com>",
    remote="<sip:bob@example.com>",
    local_cseq=4,
    remote_cseq=None,
    remote_target="sip:bob@192.0.2.7",
)


def make() -> tuple[Byes, list[CallOutput]]:
    out: list[CallOutput] = []
    return Byes(out, make_identity()), out


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (None, None),
        (End(200, "Normal Call Clearing", "local"), None),
        (End(488, "No Codec", "system"), 'SIP;cause=488;text="No Codec"'),
    ],
)
def test_a_bye_says_why_where_that_is_not_plain(end: End | None, reason: str | None) -> None:
    byes, out = make()
    dialog = byes.send("bye", DIALOG, end)
    bye = request_of(out)
    assert (bye.cseq, dialog.local_cseq, bye.headers.get("Reason")) == ((5, "BYE"), 5, reason)


def test_each_waits_for_its_own_final_response() -> None:
    byes, out = make()
    byes.send("bye", DIALOG)
    bye = request_of(out)
    byes.send("bye late", DIALOG)
    byes.receive_response("bye", make_reply(bye, 100))
    assert "bye" in byes
    byes.receive_response("bye", make_reply(bye, 200))
    assert ("bye" in byes, "bye late" in byes, byes.are_answered) == (False, True, False)
    byes.failed("bye late")
    assert byes.are_answered


def test_a_challenge_that_cannot_be_met_is_the_end_of_it() -> None:
    byes, out = make()
    byes.send("bye", DIALOG)
    bye = request_of(out)
    byes.receive_response("bye", make_reply(bye, 407, headers=[("Proxy-Authenticate", "Strange")]))
    assert byes.are_answered


def test_a_challenge_of_a_realm_that_was_met_before_is_answered_once() -> None:
    out: list[CallOutput] = []
    identity = make_identity()
    byes = Byes(out, identity)
    invite, _ = DIALOG.request("INVITE", None)
    invite.headers.set("To", "<sip:bob@example.com>")  # outside a dialog: nobody inside one teaches a realm
    assert answer(identity.digest, invite, make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]))
    byes.send("bye late", DIALOG)
    bye = request_of(out)
    out.clear()
    challenge = make_reply(bye, 401, headers=[("WWW-Authenticate", CHALLENGE)])
    byes.receive_response("bye late", challenge)
    assert ("bye late again" in byes, request_of(out).cseq) == (True, (6, "BYE"))
    out.clear()
    byes.receive_response("bye late again", challenge)
    assert (byes.are_answered, out) == (True, [])
