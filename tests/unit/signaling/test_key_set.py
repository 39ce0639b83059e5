"""When an issuer's keys are fetched, and how long they count."""

from signaling.core.key_set import FRESH_SECONDS, KEPT_SECONDS, SHORTEST_PAUSE, Key, KeySet, Need

RSA = frozenset({"RS256"})
OLD, NEW = Key("old", RSA, "old"), Key("new", RSA, "new")


def fetched(*keys: Key, now: float = 0.0) -> KeySet:
    keyset = KeySet()
    keyset.trying(now)
    keyset.fetched(keys, now)
    return keyset


def test_the_first_token_needs_a_fetch() -> None:
    keyset = KeySet()
    assert keyset.need("old", 0.0) is Need.NOW
    assert keyset.keys(0.0) == ()


def test_a_known_key_needs_none_for_some_time_and_then_one_that_nobody_waits_for() -> None:
    keyset = fetched(OLD)
    assert keyset.need("old", FRESH_SECONDS - 1) is Need.NONE
    assert keyset.need("old", FRESH_SECONDS) is Need.SOON
    assert keyset.keys(FRESH_SECONDS) == (OLD,)


def test_an_unknown_key_is_looked_for_but_not_for_every_token_that_names_one() -> None:
    keyset = fetched(OLD)
    assert keyset.need("new", SHORTEST_PAUSE - 1) is Need.NONE
    assert keyset.need("new", SHORTEST_PAUSE) is Need.NOW
    keyset.trying(SHORTEST_PAUSE)
    assert keyset.need("other", SHORTEST_PAUSE + 1) is Need.NONE
    assert keyset.need("old", SHORTEST_PAUSE + 1) is Need.NONE


def test_a_key_that_the_issuer_withdraws_counts_no_more() -> None:
    keyset = fetched(OLD)
    keyset.fetched((NEW,), 20.0)
    assert keyset.keys(20.0) == (NEW,)


def test_an_issuer_that_is_away_shuts_nobody_out_until_its_keys_are_too_old() -> None:
    keyset = fetched(OLD)
    keyset.trying(FRESH_SECONDS)
    assert keyset.keys(KEPT_SECONDS - 1) == (OLD,)
    assert keyset.keys(KEPT_SECONDS) == ()
    assert keyset.need("old", KEPT_SECONDS) is Need.NOW


def test_a_token_or_a_key_without_an_id_may_be_any() -> None:
    assert OLD.fits("") and Key("k", RSA).fits("new") and not OLD.fits("new")
