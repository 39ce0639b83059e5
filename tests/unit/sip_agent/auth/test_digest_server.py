"""Digest authentication, the side that challenges."""

from collections.abc import Sequence
from itertools import count

import pytest

from sip_agent.core.auth.digest import Challenge, Credentials, DigestClient, compute_response, hash_password
from sip_agent.core.auth.digest_server import DigestServer, Ok, Stale, Verdict, Wrong
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri

USERS = {"alice": ("other", "secret")}


ALL = ("MD5", "SHA-256", "SHA-512-256")


def find_hashes(username: str, algorithm: str) -> list[str]:
    return [hash_password(username, "r", password, algorithm) for password in USERS.get(username, ())]


def server(secret: bytes = b"key", algorithms: Sequence[str] = ALL) -> DigestServer:
    salts = count(1)
    return DigestServer("r", secret, lambda: f"salt{next(salts)}", algorithms, lifetime=60)


def signed(offer: list[str], password: str = "secret", username: str = "alice") -> str:
    client = DigestClient(Credentials(username, password), cnonce=lambda: "cn")
    [(_, value)] = client.answer(
        Request("REGISTER", "sip:r"), Response(401, None, [("WWW-Authenticate", v) for v in offer])
    )
    return value


def judged(by: DigestServer, value: str, now: float = 100.5, method: str = "REGISTER", uri: str = "sip:r") -> Verdict:
    answer = by.read([value])
    assert answer is not None
    return by.check(answer, method, SipUri.parse(uri), find_hashes, now)


def judge(value: str, now: float = 100.5, method: str = "REGISTER", secret: bytes = b"key") -> Verdict:
    return judged(server(secret), value, now, method)


@pytest.mark.parametrize("algorithm", ALL)
def test_a_right_answer_is_accepted_for_each_algorithm(algorithm: str) -> None:
    [offer] = server(algorithms=[algorithm]).challenge(100.4)
    assert f"algorithm={algorithm}," in offer
    assert judge(signed([offer])) == Ok("alice")


def test_the_stronger_algorithms_are_offered_first_and_chosen() -> None:
    offers = server().challenge(100)
    assert [offer.partition("algorithm=")[2].partition(",")[0] for offer in offers] == ["SHA-512-256", "SHA-256", "MD5"]
    assert "algorithm=SHA-512-256" in signed(offers)


def test_an_algorithm_that_is_not_offered_is_not_accepted() -> None:
    weak = signed(server(algorithms=["MD5"]).challenge(100))
    assert judged(server(algorithms=["SHA-256"]), weak) == Wrong()


def test_a_repeated_nonce_count_is_stale_and_a_higher_one_is_not() -> None:
    by, client = server(), DigestClient(Credentials("alice", "secret"), cnonce=lambda: "cn")
    request = Request("REGISTER", "sip:r")
    [(_, first)] = client.answer(request, Response(401, None, [("WWW-Authenticate", v) for v in by.challenge(100)]))
    [(_, second)] = client.authorize(request)
    assert [judged(by, value) for value in (first, first, second, first)] == [
        Ok("alice"),
        Stale(),
        Ok("alice"),
        Stale(),
    ]


def test_two_challenges_of_one_second_are_two_nonces() -> None:
    by = server()
    assert [judged(by, signed(by.challenge(100))) for _ in range(2)] == [Ok("alice"), Ok("alice")]


@pytest.mark.parametrize(
    ("signed_uri", "uri", "is_same"),
    [
        ("sip:bob@r", "sip:bob@r", True),
        ("sip:bob@r", "sip:bob@R;transport=tcp", True),
        ("sip:bob@r;user=phone", "sip:bob@r:5060", True),
        ("sip:bob@r", "sip:bob@192.0.2.1", True),  # a proxy on the way has looked the domain up
        ("sip:bob@192.0.2.1", "sip:bob@192.0.2.1", True),
        ("sip:bob@r", "sip:premium@r", False),
        ("sip:r", "sip:bob@r", False),
        ("sip:bob@elsewhere.test", "sip:bob@r", False),
        ("tel:1", "sip:bob@r", False),
        ("nonsense", "sip:bob@r", False),
    ],
)
def test_an_answer_is_good_for_the_uri_that_it_signs(signed_uri: str, uri: str, is_same: bool) -> None:
    by, client = server(), DigestClient(Credentials("alice", "secret"), cnonce=lambda: "cn")
    challenge = Response(401, None, [("WWW-Authenticate", v) for v in by.challenge(100)])
    [(_, value)] = client.answer(Request("INVITE", signed_uri), challenge)
    if is_same:
        assert judged(by, value, method="INVITE", uri=uri) == Ok("alice")
    else:
        with pytest.raises(SipError, match="400 Digest URI"):
            judged(by, value, method="INVITE", uri=uri)


def test_only_the_first_answer_for_the_realm_is_read() -> None:
    right = signed(server().challenge(100))
    foreign = right.replace('realm="r"', 'realm="q"')
    answer = server().read([foreign, signed(server().challenge(100), password="guess"), right])
    assert answer is not None and judge(right) == Ok("alice")
    assert server().check(answer, "REGISTER", SipUri.parse("sip:r"), find_hashes, 100) == Wrong()
    assert server().read([foreign]) is None


@pytest.mark.parametrize("nc", ["1", "0000000g", "000000001", "+0000001", ""])
def test_a_count_that_is_no_count_is_400(nc: str) -> None:
    by = server()
    challenge = Challenge.parse(by.challenge(100)[0])
    ha1 = hash_password("alice", "r", "secret", challenge.algorithm)
    response = compute_response(challenge, ha1, "REGISTER", "sip:r", nc, "c", "auth")
    value = (
        f'Digest username="alice", realm="r", nonce="{challenge.nonce}", uri="sip:r", response="{response}", '
        f'qop=auth, nc="{nc}", cnonce="c", algorithm={challenge.algorithm}'
    )
    with pytest.raises(SipError, match="400 Bad Nonce Count"):
        judged(by, value)


def test_a_pod_that_shares_the_secret_accepts_the_nonce_of_another() -> None:
    value = signed(server().challenge(100.4))
    assert judge(value, 101) == Ok("alice")
    assert judge(value, secret=b"another") == Wrong()


@pytest.mark.parametrize(
    "value",
    [
        signed(server().challenge(100), password="guess"),
        signed(server().challenge(100), username="mallory"),
        signed(server().challenge(100)).replace('nonce="64', 'nonce="65'),
        signed(server().challenge(100)).replace("algorithm=SHA-512-256", "algorithm=SHA-256"),
        signed(server().challenge(100)).replace("qop=auth", "qop=none"),
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


@pytest.mark.parametrize("value", ["", "Basic dXNlcg==", "NoOneKnowsThisScheme opaque-data=here"])
def test_credentials_of_another_scheme_prove_nothing(value: str) -> None:
    assert server().read([value]) is None


@pytest.mark.parametrize("value", ['Digest username="alice", realm="r"', "Digest x"])
def test_what_is_no_digest_answer_is_400(value: str) -> None:
    with pytest.raises(SipError) as raised:
        judge(value)
    assert raised.value.status == 400


def test_a_nonce_of_the_second_secret_is_taken_and_the_first_makes_them() -> None:
    both = DigestServer("r", b"key", lambda: "salt", ALL, lifetime=60, also=(b"second",))
    assert judged(both, signed(server(b"second").challenge(100))) == Ok("alice")
    assert judge(signed(both.challenge(100))) == Ok("alice")
    assert judged(both, signed(server(b"third").challenge(100))) == Wrong()
