"""Reading connectivity checks and writing the answers."""

import pytest
from aioice import stun as codec
from tests.support.webrtc_client import binding_request

from media_relay.core.packet import stun
from media_relay.core.plan import BrowserPath, IceCredentials

LOCAL = IceCredentials("relayfrag", "the password of the relay")
SOURCE = BrowserPath("192.0.2.1", 50000)


def parsed(**options: bool) -> stun.BindingRequest:
    request = stun.parse_binding_request(binding_request(LOCAL.ufrag, LOCAL.pwd, **options))
    assert request is not None
    return request


def test_a_check_names_the_session_and_proves_that_it_knows_the_password() -> None:
    request = parsed()
    assert (request.local_ufrag, request.use_candidate, request.from_controlled) == ("relayfrag", True, False)
    assert request.is_authentic(LOCAL)
    assert not request.is_authentic(IceCredentials("relayfrag", "another"))
    assert not parsed(use_candidate=False).use_candidate


def test_the_answer_tells_the_source_its_address_and_is_no_larger_than_the_check() -> None:
    request = binding_request(LOCAL.ufrag, LOCAL.pwd)
    answer = stun.success_response(parsed(), SOURCE, LOCAL)
    message = codec.parse_message(answer)
    assert message.message_class is codec.Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == SOURCE[:2]
    assert message.check_message_integrity(LOCAL.pwd.encode())
    assert len(answer) <= len(request)


def test_a_role_conflict_is_answered_with_487() -> None:
    request = parsed(controlling=False)
    assert request.from_controlled
    assert codec.parse_message(stun.role_conflict_response(request, LOCAL)).error_code == 487


def test_an_ipv6_source_is_written_too() -> None:
    message = codec.parse_message(stun.success_response(parsed(), BrowserPath("2001:db8::1", 50000), LOCAL))
    assert message.attributes["XOR-MAPPED-ADDRESS"] == ("2001:db8::1", 50000)


def unsigned() -> bytes:
    request = codec.Message(codec.Method.BINDING, codec.Class.REQUEST, attributes={"USERNAME": "relayfrag:b"})
    request.add_fingerprint()
    return bytes(request)


def signed(message_class: codec.Class = codec.Class.REQUEST, **attributes: object) -> bytes:
    message = codec.Message(codec.Method.BINDING, message_class, attributes=dict(attributes))
    message.add_message_integrity(LOCAL.pwd.encode())
    return bytes(message)


def with_another_last_byte(datagram: bytes) -> bytes:
    return datagram[:-1] + bytes([datagram[-1] ^ 1])


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        binding_request(LOCAL.ufrag, LOCAL.pwd)[:-1],
        with_another_last_byte(binding_request(LOCAL.ufrag, LOCAL.pwd)),  # of its fingerprint
        unsigned(),
        signed(),
        signed(USERNAME="nocolon"),
        signed(codec.Class.INDICATION, USERNAME="relayfrag:b"),
        signed(codec.Class.RESPONSE, USERNAME="relayfrag:b"),
        bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("0024000101000000"),  # PRIORITY of one byte
        bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("00060001ff000000"),  # USERNAME not UTF-8
        bytes.fromhex("0fff00002112a442") + bytes(12),  # unknown method
    ],
)
def test_what_is_no_proper_check_is_nothing(datagram: bytes) -> None:
    assert stun.parse_binding_request(datagram) is None
