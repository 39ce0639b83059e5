"""What `make fuzz` runs for long, for a moment: every seed, and seeds with a few bytes changed (as PROTOS did)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.corpus import seeds
from tests.fuzz.targets import TARGETS

PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b":",
    b",",
    b";",
    b"=",
    b'"',
    b"\\",
    b"<",
    b">",
    b"%",
    b"@",
    b"[",
    b"\0",
    b"\xff",
]
PIECES += [b"SIP/2.0", b"99999999999999999999", b"-1", b"\r", b"\n", b" ", b"A" * 300, b"%00", b"%s%s%n", b"::"]
pieces = st.sampled_from(PIECES) | st.binary(max_size=4)
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), pieces, st.integers(1, 3)), min_size=1, max_size=5)


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_passes(name: str) -> None:
    for seed in seeds(name):
        assert TARGETS[name](seed) is None, "a target fails by raising"


@pytest.mark.parametrize("name", TARGETS)
def test_changed_seeds_pass(name: str) -> None:
    every = seeds(name)

    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(st.integers(0, len(every) - 1), changes)
    def run(index: int, edits: list[tuple[float, int, bytes, int]]) -> None:
        data = every[index]
        for place, cut, piece, times in edits:
            at = int(place * len(data))
            data = data[:at] + piece * times + data[at + cut :]
        assert TARGETS[name](data) is None, "a target fails by raising"

    run()
