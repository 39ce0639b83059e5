"""The text of session descriptions."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.descriptions import all_names, sdp

from media_relay.core.description.sdp import (
    MAX_BYTES,
    MAX_MEDIA,
    Attribute,
    Connection,
    Media,
    Origin,
    SessionDescription,
    parse,
)
from shared.errors import RemoteError

HEAD = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n"
MINIMAL = HEAD + "t=0 0\r\n"

words = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=12)
texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30)
attributes = st.lists(st.builds(Attribute, words, st.none() | texts), max_size=5).map(tuple)
connections = st.none() | st.builds(Connection, words, st.sampled_from(("IP4", "IP6")))
media = st.builds(
    Media,
    connection=connections,
    bandwidths=st.lists(words, max_size=2).map(tuple),
    attributes=attributes,
    kind=words,
    port=st.integers(0, 65535),
    protocol=st.sampled_from(("RTP/AVP", "UDP/TLS/RTP/SAVPF")),
    formats=st.lists(words, min_size=1, max_size=5).map(tuple),
    port_count=st.integers(1, 3),
)
descriptions = st.builds(
    SessionDescription,
    connection=connections,
    bandwidths=st.lists(words, max_size=2).map(tuple),
    attributes=attributes,
    origin=st.builds(Origin, words, words, words, words),
    name=texts,
    times=st.lists(texts, min_size=1, max_size=2).map(tuple),
    media=st.lists(media, max_size=4).map(tuple),
)


@given(descriptions)
def test_what_is_printed_is_read_back_the_same(description: SessionDescription) -> None:
    assert parse(str(description)) == description


@given(descriptions)
def test_both_line_ends_are_read(description: SessionDescription) -> None:
    assert parse(str(description).replace("\r\n", "\n")) == description


@settings(max_examples=300)
@given(st.text(st.sampled_from("vosctma=01 :\r\n/IN4P-"), max_size=200))
def test_any_text_is_read_or_refused_with_400(text: str) -> None:
    for candidate in (text, MINIMAL + text):
        try:
            parse(candidate)
        except RemoteError as error:
            assert error.status == 400


@pytest.mark.parametrize("name", all_names())
def test_real_descriptions_survive(name: str) -> None:
    text = sdp(name)
    assert str(parse(text)).replace("\r\n", "\n") == text


def test_fields_are_where_they_belong() -> None:
    description = parse(MINIMAL + "a=tool:x y\r\nm=audio 4000/2 RTP/AVP 0 8\r\nc=IN IP6 ::1\r\na=sendonly\r\n")
    assert description.origin == Origin("-", "1", "2", "192.0.2.1")
    assert description.attributes == (Attribute("tool", "x y"),)
    assert description.media == (
        Media(
            connection=Connection("::1", "IP6"),
            attributes=(Attribute("sendonly"),),
            kind="audio",
            port=4000,
            protocol="RTP/AVP",
            formats=("0", "8"),
            port_count=2,
        ),
    )


def test_lines_of_no_interest_are_dropped_and_their_order_is_not_checked() -> None:
    text = (
        HEAD + "a=x\r\ni=about\r\nt=0 0\r\nr=1 2 3\r\nb=AS:64\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 0\r\ni=mic\r\n"
    )
    assert parse(text) == parse(HEAD + "c=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\na=x\r\nm=audio 9 RTP/AVP 0\r\n")


def test_attributes_are_found_by_name() -> None:
    audio = parse(MINIMAL + "m=audio 9 RTP/AVP 0\r\na=x\r\na=y:1\r\na=y:2\r\n").media[0]
    assert (audio.value("y"), audio.values("y"), audio.value("x"), audio.value("z")) == ("1", ["1", "2"], None, None)
    assert (audio.has("x"), audio.has("z")) == (True, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no v="),
        ("v=0\r\n", "no o="),
        (HEAD, "no t="),
        ("v=1\r\n", "line 1: the version must be 0"),
        ("o=- 1 2 IN IP4 192.0.2.1\r\n", "line 1: v= must be here"),
        ("v=0\r\ns=-\r\n", "line 2: o= must be here"),
        ("v=0\r\no=- 1 2 IN IP4\r\n", "line 2: o= needs six fields"),
        ("v=0\r\no=- 1  2 IN IP4 x\r\n", "line 2: o= needs six fields"),
        (MINIMAL + "c=IN IP4\r\n", "line 5: c= needs three fields"),
        (MINIMAL + "\r\n", "line 5: not of the form"),
        (MINIMAL + "a\r\n", "line 5: not of the form"),
        (MINIMAL + "q=1\r\n", "line 5: q= is unknown here"),
        (MINIMAL + "s=again\r\n", "line 5: a second s="),
        (MINIMAL + "a=b\0c\r\n", "line 5: control character"),
        (MINIMAL + "a=b\rc\r\n", "line 5: control character"),
        (MINIMAL + "a=:c\r\n", "line 5: an attribute's name"),
        (MINIMAL + "m=audio 9 RTP/AVP\r\n", "line 5: m= needs"),
        (MINIMAL + "m=audio 65536 RTP/AVP 0\r\n", "line 5: the port must be"),
        (MINIMAL + "m=audio -1 RTP/AVP 0\r\n", "line 5: the port must be"),
        (MINIMAL + "m=audio ９ RTP/AVP 0\r\n", "line 5: the port must be"),
        (MINIMAL + f"m=audio {'9' * 5000} RTP/AVP 0\r\n", "line 5: the port must be"),
        (MINIMAL + "m=audio 9/0 RTP/AVP 0\r\n", "line 5: the number of ports"),
        (MINIMAL + "m=au;dio 9 RTP/AVP 0\r\n", "line 5: the kind of media"),
        (MINIMAL + "m=audio 9 RTP/AVP 0\r\nt=0 0\r\n", "line 6: t= is unknown here"),
        (MINIMAL + "m=audio 9 RTP/AVP 0\r\n" * (MAX_MEDIA + 1), f"line {5 + MAX_MEDIA}: more than {MAX_MEDIA} media"),
        (MINIMAL + "a=x\r\n" * (MAX_BYTES // 5), "more than 65536 bytes"),
    ],
)
def test_what_is_wrong_is_told(text: str, reason: str) -> None:
    with pytest.raises(RemoteError) as caught:
        parse(text)
    assert caught.value.status == 400
    assert reason in caught.value.reason
