"""Header fields by name."""

import pytest

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.headers import Headers


def headers() -> Headers:
    return Headers([("v", "one, two"), ("SUBJECT", "a, b"), ("Via", "three"), ("X-Own", "1, 2")])


def test_names_are_found_in_any_case_and_compact() -> None:
    assert headers().get("VIA") == headers().get("Via") == headers().get("v") == "one, two"
    assert headers().get("s") == "a, b"
    assert "Subject" in headers() and "To" not in headers() and headers().get("To") is None


def test_only_fields_that_are_lists_are_divided() -> None:
    assert headers().get_all("via") == ["one", "two", "three"]
    assert headers().get_all("subject") == ["a, b"]
    assert headers().get_all("x-own") == ["1, 2"]
    assert headers().lines("via") == ["one, two", "three"]
    assert headers().count("via") == 2


def test_an_empty_list_is_empty_but_an_empty_element_is_refused() -> None:
    assert Headers([("Supported", "")]).get_all("Supported") == []
    with pytest.raises(SipError):
        Headers([("Supported", "a,,b")]).get_all("Supported")


def test_set_replaces_all_in_the_place_of_the_first() -> None:
    changed = headers()
    changed.set("Via", "new")
    assert list(changed) == [("Via", "new"), ("SUBJECT", "a, b"), ("X-Own", "1, 2")]
    changed.set("To", "x")
    assert list(changed)[-1] == ("To", "x")


def test_remove_first_takes_one_element_of_a_list() -> None:
    changed = headers()
    assert [changed.remove_first("Via") for _ in range(4)] == ["one", "two", "three", None]
    assert list(changed) == [("SUBJECT", "a, b"), ("X-Own", "1, 2")]


def test_replace_first_keeps_the_rest_of_the_line() -> None:
    changed = headers()
    changed.replace_first("Via", "new")
    assert changed.lines("Via") == ["new, two", "three"]
    with pytest.raises(LookupError):
        changed.replace_first("To", "x")


def test_remove_takes_all() -> None:
    changed = headers()
    changed.remove("via")
    assert len(changed) == 2 and changed.get("Via") is None


def test_a_view_is_read_once_until_its_field_changes() -> None:
    changed, reads = headers(), []

    def read(given: Headers) -> str | None:
        reads.append(1)
        return given.get("Via")

    assert changed.view("via", read) == changed.view("via", read) == "one, two"
    changed.set("Subject", "other")
    assert changed.view("via", read) == "one, two" and len(reads) == 1
    changed.prepend("Via", "zero")
    assert changed.view("via", read) == "zero" and len(reads) == 2
