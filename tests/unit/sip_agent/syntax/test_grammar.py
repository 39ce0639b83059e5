"""Tokens, quoted strings, parameters, comma lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import (
    find_param,
    is_token,
    parse_params,
    print_params,
    quote,
    qvalue,
    split_list,
    unquote,
)


def test_tokens() -> None:
    assert is_token("!interesting-Method0123456789_*+`.%indeed'~")
    assert not any(is_token(text) for text in ("", "a b", "a:b", "é", "a/b", "(a)"))


def test_params_keep_order_case_and_quotes() -> None:
    text = ';a;B=c;+sip.instance="<urn:uuid:1;2>";d="\\";"'
    params = parse_params(text, "Contact")
    assert params == (("a", None), ("B", "c"), ("+sip.instance", '"<urn:uuid:1;2>"'), ("d", '"\\";"'))
    assert print_params(params) == text
    assert (find_param(params, "b"), find_param(params, "a"), find_param(params, "x")) == ("c", "", None)


@pytest.mark.parametrize("text", [";", ";;a", ";a=", ";a b", "a", ';a="b', ";a=b;"])
def test_bad_params_are_refused_by_the_name_of_their_field(text: str) -> None:
    with pytest.raises(SipError, match="400 Bad Via"):
        parse_params(text, "Via")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, 1.0),
        ("0", 0.0),
        ("0.5", 0.5),
        ("0.", 0.0),
        ("1", 1.0),
        ("1.000", 1.0),
        (".5", 0.5),
        ("0.33333", 0.333),
        ("0.00001", 0.0),
    ],
)
def test_qvalues(text: str | None, value: float) -> None:
    assert qvalue(text, malformed=-1.0) == value


@pytest.mark.parametrize("text", ["", "x", "2", "1.1", "-0.5", "+0.5", "nan", "inf", "1e-1", "0_5", "0,5", ".", "٠.٥"])
def test_what_is_no_qvalue_is_for_the_reader_to_judge(text: str) -> None:
    assert qvalue(text, malformed=-1.0) == -1.0


def test_commas_in_quotes_and_brackets_divide_nothing() -> None:
    assert split_list('"a, \\"b" <sip:c,d@e>;x=1 , f,"g"', "Contact") == ['"a, \\"b" <sip:c,d@e>;x=1', "f", '"g"']
    assert split_list(" ", "Supported") == []


@pytest.mark.parametrize("text", [",", "a,", ",a", "a,,b", 'a,"b', "a,<b"])
def test_a_list_with_a_hole_or_an_open_end_is_refused(text: str) -> None:
    with pytest.raises(SipError):
        split_list(text, "Contact")


@given(st.text())
def test_what_is_quoted_is_unquoted_again(text: str) -> None:
    assert unquote(quote(text)) == text.translate({0: " ", 10: " ", 13: " "})


def test_text_that_is_not_quoted_is_left_alone() -> None:
    assert [unquote(text) for text in ("", '"', "a", '"a', 'a"')] == ["", '"', "a", '"a', 'a"']
