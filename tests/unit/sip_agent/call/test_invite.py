"""The INVITE of an outgoing call."""

from tests.support.sip_calls import CONTACT, make_identity

from sip_agent.core.call.invite import make_invite


def test_it_tells_what_we_can_do() -> None:
    invite = make_invite(make_identity(), "sip:bob@example.com", "ours", "id", "offer", [("X-A", "1")], False)
    assert invite.has_option("Supported", "100rel") and invite.has_option("Allow", "PRACK")
    assert (invite.headers.get("Accept"), invite.headers.get("User-Agent")) == ("application/sdp", "Cordboard")
    assert (str(invite.from_), str(invite.contacts[0].uri)) == ('"Alice" <sip:alice@example.com>;tag=ours', CONTACT)
    assert "Privacy" not in invite.headers


def test_a_private_one_names_the_caller_to_its_server_alone() -> None:
    invite = make_invite(make_identity(), "sip:bob@example.com", "ours", "id", "offer", [], True)
    assert str(invite.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=ours'
    assert invite.headers.get("Privacy") == "id"
    assert invite.headers.get("P-Preferred-Identity") == '"Alice" <sip:alice@example.com>'
