"""Our own requests in a dialog: in order, one at a time, challenged at most once."""

from tests.support.sip_calls import CHALLENGE, make_identity, make_reply, request_of, told

from sip_agent.core.call.outputs import CallOutput
from sip_agent.core.dialog.dialog import CSEQ_GAP, Dialog
from sip_agent.core.in_dialog.dialog_requests import DialogRequests
from sip_agent.core.in_dialog.own_requests import MOST_WAITING, InDialogRequest, OwnRequests
from sip_agent.core.syntax.message import Request


class Side:
    """A dialog whose requests are `own`; `ends` are what they came to."""

    def __init__(self) -> None:
        self.identity = make_identity()
        self.dialog: Dialog | None = Dialog(
            call_id="call",
            local_tag="ours",
            remote_tag="far",
            local="<sip:alice@example.com>",
            remote="<sip:bob@example.com>",
            local_cseq=1,
            remote_cseq=None,
            remote_target="sip:bob@192.0.2.7:5070",
        )
        self.out: list[CallOutput] = []
        self.gone: list[int] = []
        self.requests = DialogRequests(
            self, self.identity, self.out, lambda outcome, now: self.gone.append(outcome.status)
        )
        self.own = OwnRequests(self.requests)
        self.ends: list[tuple[str, int]] = []

    def send(self, method: str) -> None:
        self.own.send(InDialogRequest(method, lambda outcome: self.ends.append((method, outcome.status))))

    def take(self) -> list[str]:
        taken = told(self.out)
        self.out.clear()
        return taken


def test_a_request_waits_for_the_end_of_the_one_before() -> None:
    side = Side()
    side.send("INFO")
    side.send("REFER")
    info = request_of(side.out)
    assert side.take() == ["INFO as own 1"]
    side.requests.receive_response("own 1", make_reply(info, 100), 1.0)
    assert (side.take(), side.ends) == ([], [])
    side.requests.receive_response("own 1", make_reply(info, 200), 1.0)
    assert (side.take(), side.ends) == (["REFER as own 2"], [("INFO", 200)])
    side.requests.transaction_failed("own 2", 408, "Request Timeout", 1.0)
    assert (side.take(), side.ends) == ([], [("INFO", 200), ("REFER", 408)])


def test_a_challenge_is_answered_once_with_the_next_number() -> None:
    side = Side()
    invite = Request("INVITE", "sip:bob@example.com", [("CSeq", "1 INVITE")])
    side.identity.digest.answer(invite, make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]))
    side.send("INFO")
    first = request_of(side.out)
    side.out.clear()
    stale = CHALLENGE.replace("n1", "n2")
    side.requests.receive_response("own 1", make_reply(first, 407, headers=[("Proxy-Authenticate", stale)]), 1.0)
    again = request_of(side.out)
    assert (first.cseq, again.cseq) == ((2, "INFO"), (3, "INFO"))
    assert 'nonce="n2"' in (again.headers.get("Proxy-Authorization") or "")
    side.requests.receive_response("own 1", make_reply(again, 407, headers=[("Proxy-Authenticate", stale)]), 1.0)
    assert side.ends == [("INFO", 407)]


def test_a_realm_that_no_server_of_ours_has_named_gets_no_credentials() -> None:
    side = Side()
    side.send("INFO")
    challenge = [("WWW-Authenticate", CHALLENGE)]
    side.requests.receive_response("own 1", make_reply(request_of(side.out), 401, headers=challenge), 1.0)
    assert side.ends == [("INFO", 401)]


def test_a_message_has_no_contact() -> None:
    side = Side()
    side.send("MESSAGE")
    assert "Contact" not in request_of(side.out).headers


def test_the_record_is_written_before_its_numbers_are_used_up() -> None:
    side = Side()
    for number in range(1, 3 * CSEQ_GAP + 1):
        side.send("INFO")
        saved = [output for output in side.take() if output == "SaveCall"]
        assert (len(saved) == 1) == ((number + 1) % CSEQ_GAP == 0)
        side.requests.transaction_failed(f"own {number}", 408, "", 1.0)


def test_the_end_of_the_dialog_fails_what_waits() -> None:
    side = Side()
    for method in ("INFO", "MESSAGE"):
        side.send(method)
    side.out.clear()
    side.own.stop()
    assert (side.take(), side.ends) == ([], [("INFO", 487), ("MESSAGE", 487)])
    side.requests.transaction_failed("own 1", 408, "", 1.0)
    assert len(side.ends) == 2


def test_a_far_side_that_answers_nothing_fills_no_memory() -> None:
    side = Side()
    for _ in range(MOST_WAITING + 1):
        side.send("INFO")
    assert side.ends == [("INFO", 503)]
