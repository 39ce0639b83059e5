"""Dialogs as data."""

import msgspec
from tests.support.sip_calls import FAR_CONTACT, make_in_dialog, make_invite, make_reply
from tests.support.sip_messages import make_request

from sip_agent.core.dialog.dialog import CSEQ_GAP, Dialog, of_request, of_response
from sip_agent.core.syntax.message import Request

ROUTES = [("Record-Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>")]
CONTACT = "sip:s-1@192.0.2.1"


def outgoing(*headers: tuple[str, str]) -> Dialog:
    request = make_request()
    request.headers.set("From", "Alice <sip:alice@example.com>;tag=ours")
    return of_response(request, make_reply(request, 200, headers=headers))


def routes(request: Request) -> list[str]:
    return [str(route) for route in request.routes]


def test_the_caller_uses_the_record_route_backwards_and_the_callee_forwards() -> None:
    assert outgoing(*ROUTES).route_set == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    invite = make_invite()
    invite.headers.add(*ROUTES[0])
    assert of_request(invite, "ours").route_set == ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")


def test_a_request_goes_by_loose_routes_to_the_target() -> None:
    bye, after = outgoing(*ROUTES).request("BYE", CONTACT)
    assert (bye.uri, routes(bye)) == (FAR_CONTACT, ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"])
    assert (bye.cseq, bye.from_.tag, bye.to.tag) == ((2, "BYE"), "ours", "far")
    assert after.local_cseq == 2
    assert str(after.next_hop()) == "sip:p2.example.com;lr"


def test_a_strict_router_gets_its_own_uri_and_the_target_goes_last() -> None:
    dialog = outgoing(("Record-Route", "<sip:loose.example.com;lr>, <sip:strict.example.com>"))
    bye, _ = dialog.request("BYE", CONTACT)
    assert bye.uri == "sip:strict.example.com"
    assert routes(bye) == ["<sip:loose.example.com;lr>", f"<{FAR_CONTACT}>"]
    assert str(dialog.next_hop()) == "sip:strict.example.com"


def test_the_ack_has_the_number_of_the_invite_and_no_new_one() -> None:
    dialog = outgoing()
    ack = dialog.ack(1, [("Authorization", "Digest x")])
    assert (ack.method, ack.uri, ack.cseq, ack.headers.get("Authorization")) == (
        "ACK",
        FAR_CONTACT,
        (1, "ACK"),
        "Digest x",
    )


def test_it_goes_to_json_and_back_with_its_number_ahead_of_the_wire() -> None:
    dialog = outgoing(*ROUTES)
    back = msgspec.json.decode(msgspec.json.encode(dialog.for_record()), type=Dialog)
    assert back.local_cseq == dialog.local_cseq + CSEQ_GAP
    assert msgspec.structs.replace(back, local_cseq=dialog.local_cseq) == dialog


def test_requests_must_go_up_and_a_reinvite_moves_the_target() -> None:
    dialog = of_request(make_invite(), "ours")
    late = make_in_dialog("INFO", 7, "far-call", "far", "ours")
    moved = make_in_dialog("INVITE", 9, "far-call", "far", "ours", headers=[("Contact", "<sip:bob@192.0.2.9>")])
    assert (dialog.is_next(late), dialog.is_next(moved)) == (False, True)
    after = dialog.received(moved)
    assert (after.remote_cseq, after.remote_target) == (9, "sip:bob@192.0.2.9")


def test_what_is_no_utf_8_reaches_the_wire_as_it_came_and_the_record_as_text() -> None:
    invite = make_invite(tag="\udcff")
    dialog = of_request(invite, "ours")
    request, _ = dialog.request("BYE", CONTACT)
    assert b";tag=\xff" in request.to_bytes()
    assert msgspec.json.decode(msgspec.json.encode(dialog.for_record()), type=Dialog).remote_tag == "\ufffd"
