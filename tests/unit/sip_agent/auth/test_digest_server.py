"""Digest authentication, the side that challenges."""

import pytest

from sip_agent.core.auth.digest import Credentials, DigestClient, hash_password
from sip_agent.core.auth.digest_server import DigestServer, Ok, Stale, Verdict, Wrong
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response

USERS = {"alice": "secret"}


def find_ha1(username: str, algorithm: str) -> str | None:
    password = USERS.get(username)
    return None if password is None else hash_password(username, "r", password, algorithm)


def server(secret: bytes = b"key") -> DigestServer:
    return DigestServer("r", secret, lifetime=60)


def signed(offer: list[str], password: str = "secret", username: str = "alice") -> str:
    client = DigestClient(Credentials(username, password), cnonce=lambda: "cn")
    [(_, value)] = client.answer(
        Request("REGISTER", "sip:r"), Response(401, None, [("WWW-Authenticate", v) for v in offer])
    )
    return value


def judge(value: str, now: float = 100.5, method: str = "REGISTER", secret: bytes = b"key") -> Verdict:
    return server(secret).check(value, method, find_ha1, now)


@pytest.mark.parametrize("offer", [0, 1])
def test_a_right_answer_is_accepted_for_each_algorithm(offer: int) -> None:
    assert judge(signed([server().challenge(100.4)[offer]])) == Ok("alice")


def test_both_algorithms_are_offered_the_stronger_first() -> None:
    first, second = server().challenge(100)
    assert "algorithm=SHA-256" in first and "algorithm=MD5" in second


def test_a_pod_that_shares_the_secret_accepts_the_nonce_of_another() -> None:
    value = signed(server().challenge(100.4))
    assert server().check(value, "REGISTER", find_ha1, 101) == Ok("alice")
    assert judge(value, secret=b"another") == Wrong()


@pytest.mark.parametrize(
    "value",
    [
        signed(server().challenge(100), password="guess"),
        signed(server().challenge(100), username="mallory"),
        signed(server().challenge(100)).replace('nonce="64', 'nonce="65'),
        signed(server().challenge(100)).replace("algorithm=SHA-256", "algorithm=SHA-512-256"),
        signed(server().challenge(100)).replace("qop=auth", "qop=none"),
        signed(server().challenge(100)).replace('realm="r"', 'realm="q"'),
        signed(server().challenge(100)).replace('nonce="', 'nonce="é'),
        signed(server().challenge(100)).replace('response="', 'response="é'),
    ],
)
def test_a_wrong_answer_is_refused(value: str) -> None:
    assert judge(value) == Wrong()


def test_an_answer_is_good_for_its_method_only() -> None:
    assert judge(signed(server().challenge(100)), method="INVITE") == Wrong()


@pytest.mark.parametrize(("now", "verdict"), [(160, Ok("alice")), (161.5, Stale()), (90, Stale())])
def test_an_old_nonce_is_stale(now: float, verdict: Verdict) -> None:
    assert judge(signed(server().challenge(100)), now) == verdict


def test_an_old_nonce_with_a_wrong_password_is_wrong() -> None:
    assert judge(signed(server().challenge(100), password="guess"), 500) == Wrong()


def test_the_challenge_after_a_stale_one_says_so() -> None:
    assert all("stale=true" in value for value in server().challenge(100, stale=True))
    assert not any("stale" in value for value in server().challenge(100))


@pytest.mark.parametrize("value", ["", "Basic dXNlcg==", 'Digest username="alice"', "Digest x"])
def test_what_is_no_digest_answer_is_400(value: str) -> None:
    with pytest.raises(SipError) as raised:
        judge(value)
    assert raised.value.status == 400
