"""Digest authentication, the side that answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_agent.core.auth.digest import (
    MAX_ANSWERS,
    Challenge,
    Credentials,
    DigestClient,
    compute_response,
    hash_password,
    parse_credentials,
)
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    challenge = Challenge("Digest", "http-auth@example.org", NONCE, algorithm, ("auth",))
    ha1 = hash_password("Mufasa", challenge.realm, "Circle of Life", algorithm)
    assert compute_response(challenge, ha1, "GET", "/dir/index.html", "00000001", CNONCE, "auth") == response


def test_the_vector_of_rfc_2617_3_5() -> None:
    challenge = Challenge("Digest", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    ha1 = hash_password("Mufasa", "testrealm@host.com", "Circle Of Life", "MD5")
    response = compute_response(challenge, ha1, "GET", "/dir/index.html", "00000001", "0a4f113b", "auth")
    assert response == "6629fae49393a05397450978507c4ef1"


def test_sha_512_256_is_the_truncated_hash_of_its_own() -> None:
    # The vector that goes with FIPS 180-4.
    challenge = Challenge("Digest", "r", "n", "SHA-512-256")
    assert challenge.hash is not None
    assert challenge.hash("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


def test_a_challenge_is_read_with_commas_in_its_quotes() -> None:
    challenge = Challenge.parse(
        'Digest realm="a, b=\\"c\\"", qop="auth,auth-int", nonce="n,1", Opaque="o", STALE=TRUE, algorithm=sha-256'
    )
    assert challenge == Challenge("Digest", 'a, b="c"', "n,1", "SHA-256", ("auth", "auth-int"), "o", True)


def test_several_challenges_in_one_value_or_in_several() -> None:
    one = 'Digest realm="r", nonce="1", algorithm=SHA-256, Digest realm="r", nonce="2"'
    other = 'Basic realm="b"'
    challenges = Challenge.parse_all([one, other])
    assert [(item.scheme, item.nonce, item.algorithm) for item in challenges] == [
        ("Digest", "1", "SHA-256"),
        ("Digest", "2", "MD5"),
        ("Basic", "", "MD5"),
    ]
    assert [item.usable for item in challenges] == [True, True, False]


@pytest.mark.parametrize(
    "value", ["", "Digest", "Digest ,", 'Digest realm="x', "Digest realm", 'realm="x"', "Digest a=b c"]
)
def test_what_is_no_challenge_is_refused(value: str) -> None:
    with pytest.raises(SipError):
        Challenge.parse(value)


@given(st.text(alphabet='Digest realm="x\\,= '))
def test_no_text_raises_anything_but_a_sip_error(value: str) -> None:
    try:
        assert Challenge.parse_all([value])
    except SipError as error:
        assert error.status == 400


class Peer:
    """A client, its request and the challenges of a server that keeps asking."""

    def __init__(self, realm: str | None = None) -> None:
        self.client = DigestClient(Credentials("alice", "secret", realm), cnonce=lambda: "cn")
        self.request = Request("REGISTER", "sip:example.com")

    def challenged(self, *values: str, status: int = 401) -> list[dict[str, str]]:
        """Send the request again after such a response; what it is signed with."""
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        return self._signed(
            self.client.answer(self.request, Response(status, None, [(name, value) for value in values]))
        )

    def again(self) -> list[dict[str, str]]:
        """A later request; what it is signed with."""
        return self._signed(self.client.authorize(Request("REGISTER", "sip:example.com")))

    def _signed(self, fields: list[tuple[str, str]]) -> list[dict[str, str]]:
        self.request = Request("REGISTER", "sip:example.com", fields)
        return [parse_credentials(value) | {"in": name} for name, value in fields]


def test_the_strongest_algorithm_is_chosen() -> None:
    peer = Peer()
    [fields] = peer.challenged(
        'Digest realm="r", nonce="1", qop="auth"',
        'Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth"',
        'Digest realm="r", nonce="4", algorithm=X-9, qop="auth"',
    )
    assert (fields["nonce"], fields["algorithm"], fields["in"]) == ("2", "SHA-512-256", "Authorization")


def test_a_good_nonce_is_used_again_and_counted() -> None:
    peer = Peer()
    [first] = peer.challenged('Digest realm="r", nonce="n", qop="auth", opaque="o"')
    assert (first["nc"], first["qop"], first["cnonce"], first["opaque"]) == ("00000001", "auth", "cn", "o")
    counts = [peer.again()[0]["nc"] for _ in range(15)]
    assert counts[0] == "00000002" and counts[-1] == "00000010"


def test_the_count_is_unquoted_and_the_response_is_what_the_server_computes() -> None:
    client = DigestClient(Credentials("alice", "secret"), cnonce=lambda: "cn")
    challenge = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'
    request = Request("INVITE", "sip:bob@h")
    [(_, value)] = client.answer(request, Response(407, None, [("Proxy-Authenticate", challenge)]))
    expected = compute_response(
        Challenge.parse(challenge),
        hash_password("alice", "r", "secret", "SHA-256"),
        "INVITE",
        "sip:bob@h",
        "00000001",
        "cn",
        "auth",
    )
    assert "nc=00000001" in value and "qop=auth," in value and f'response="{expected}"' in value


def test_a_refused_fresh_nonce_means_a_wrong_password() -> None:
    peer = Peer()
    assert peer.challenged('Digest realm="r", nonce="1", qop="auth"')
    assert peer.challenged('Digest realm="r", nonce="2", qop="auth"') == []
    assert peer.again() == []


@pytest.mark.parametrize("stale", ["", ", stale=true"])
def test_an_old_nonce_is_replaced_once(stale: str) -> None:
    peer = Peer()
    assert peer.challenged('Digest realm="r", nonce="1", qop="auth"')
    assert peer.again()
    [fields] = peer.challenged(f'Digest realm="r", nonce="2", qop="auth"{stale}')
    assert (fields["nonce"], fields["nc"]) == ("2", "00000001")
    assert peer.challenged('Digest realm="r", nonce="3", qop="auth"') == []


def test_a_fresh_nonce_that_is_called_stale_is_replaced_once() -> None:
    peer = Peer()
    assert peer.challenged('Digest realm="r", nonce="1", qop="auth"')
    assert peer.challenged('Digest realm="r", nonce="2", qop="auth", stale=true')
    assert peer.challenged('Digest realm="r", nonce="3", qop="auth", stale=true') == []


def test_two_proxies_on_the_way_are_both_answered() -> None:
    peer = Peer()
    assert len(peer.challenged('Digest realm="one", nonce="1", qop="auth"', status=407)) == 1
    fields = peer.challenged('Digest realm="two", nonce="2", qop="auth"', status=407)
    assert [(item["realm"], item["nc"], item["in"]) for item in fields] == [
        ("one", "00000002", "Proxy-Authorization"),
        ("two", "00000001", "Proxy-Authorization"),
    ]


def test_without_qop_the_old_form_is_used() -> None:
    [fields] = Peer().challenged('Digest realm="r", nonce="n"')
    assert not {"qop", "nc", "cnonce"} & fields.keys()
    ha1, challenge = hash_password("alice", "r", "secret", "MD5"), Challenge("Digest", "r", "n")
    assert fields["response"] == compute_response(challenge, ha1, "REGISTER", "sip:example.com", "", "", None)


def test_auth_int_covers_the_body_when_nothing_else_is_offered() -> None:
    client = DigestClient(Credentials("a", "p"), cnonce=lambda: "cn")
    response = Response(401, None, [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth-int"')])
    values = []
    for body in (b"one", b"two\xff"):
        client.forget()
        [(_, value)] = client.answer(Request("MESSAGE", "sip:h", (), body), response)
        values.append(parse_credentials(value))
    assert values[0]["qop"] == "auth-int" and values[0]["response"] != values[1]["response"]


def test_the_session_variant_binds_the_first_cnonce() -> None:
    [fields] = Peer().challenged('Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"')
    challenge = Challenge("Digest", "r", "n", "MD5-SESS", ("auth",))
    ha1 = hash_password("alice", "r", "secret", "MD5")
    expected = compute_response(challenge, ha1, "REGISTER", "sip:example.com", "00000001", "cn", "auth")
    assert (fields["algorithm"], fields["response"]) == ("MD5-sess", expected)


def test_credentials_of_one_realm_answer_no_other() -> None:
    assert Peer(realm="mine").challenged('Digest realm="other", nonce="n"') == []
    assert len(Peer(realm="mine").challenged('Digest realm="mine", nonce="n"')) == 1


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Credentials("alice", "secret"))


def challenged(client: DigestClient, realm: str, may_learn: bool = True) -> list[tuple[str, str]]:
    request = Request("INVITE", "sip:bob@example.com")
    value = f'Digest realm="{realm}", nonce="n", algorithm=MD5, qop="auth"'
    return client.answer(request, Response(401, None, [("WWW-Authenticate", value)]), may_learn)


def test_a_realm_is_learned_only_where_that_is_allowed() -> None:
    client = DigestClient(Credentials("alice", "secret"), lambda: "c")
    assert not client.knows_realm and challenged(client, "example.com", may_learn=False) == []
    assert challenged(client, "example.com") != []
    assert client.knows_realm and challenged(client, "evil.example", may_learn=False) == []
    client.forget()
    assert challenged(client, "example.com", may_learn=False) != []


def test_a_server_with_a_new_realm_each_time_is_not_answered_for_ever() -> None:
    client = DigestClient(Credentials("alice", "secret"), lambda: "c")
    assert [bool(challenged(client, f"realm {number}")) for number in range(6)] == [True] * 4 + [False] * 2


def test_many_realms_in_one_response_are_not_all_answered() -> None:
    client = DigestClient(Credentials("alice", "secret"), lambda: "c")
    values = [f'Digest realm="r{number}", nonce="n", algorithm=MD5, qop="auth"' for number in range(50)]
    response = Response(401, None, [("WWW-Authenticate", value) for value in values])
    assert len(client.answer(Request("INVITE", "sip:bob@example.com"), response)) == 4


def test_two_servers_that_refuse_in_turn_get_no_answers_for_ever() -> None:
    peer = Peer()
    answers = 0
    while peer.challenged(f'Digest realm="r", nonce="{answers}", qop="auth"', status=407 if answers % 2 else 401):
        answers += 1
        assert answers <= MAX_ANSWERS
    assert answers == MAX_ANSWERS
    # It was that request which was one too many: the next one is as good as any.
    peer.again()
    assert peer.challenged('Digest realm="r", nonce="last", qop="auth"')
