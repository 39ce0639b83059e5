"""Ids and KV keys."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import kv_key, name_of_key, new_id


def test_an_id_is_its_prefix_and_sixteen_letters() -> None:
    assert new_id("c", lambda n: b"\x00" * n) == "c-aaaaaaaaaaaaaaaa"
    assert new_id("c", lambda n: b"\xff" * n) == "c-9999999999999999"


def test_an_address_of_record_can_be_read_in_its_key() -> None:
    assert kv_key("alice@sip.test") == "alice=40sip=2Etest"


@given(st.text(min_size=1))
def test_one_name_has_one_key_that_nats_takes(name: str) -> None:
    key = kv_key(name)
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", key)
    assert name_of_key(key) == name
