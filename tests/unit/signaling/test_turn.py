"""TURN credentials in the form of coturn's `use-auth-secret`."""

from signaling.core.turn import turn_server


def test_the_name_is_the_end_and_the_user_and_the_password_its_hmac() -> None:
    server = turn_server(("turn:turn.example.org",), "north", "alice", 1433895918)
    assert server.urls == ("turn:turn.example.org",)
    assert server.username == "1433895918:alice"
    # printf 1433895918:alice | openssl dgst -sha1 -hmac north -binary | base64
    assert server.credential == "RqMvcGPYTJMGThVLSi4amT4zFtI="


def test_credentials_of_others_and_of_other_times_differ() -> None:
    made = {
        turn_server(("turn:x",), secret, user, at).credential
        for secret, user, at in (("a", "b", 1), ("a", "b", 2), ("a", "c", 1), ("d", "b", 1))
    }
    assert len(made) == 4
