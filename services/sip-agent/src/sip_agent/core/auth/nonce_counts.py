"""Which nonces have proven somebody, and how often each was used (RFC 7616 §3.3, `nc`)."""

from itertools import islice

MOST = 20_000  # of a pod's users at a time; beyond it the oldest nonces may be counted from the start again


class NonceCounts:
    """Only right answers come in, so strangers cannot fill it."""

    def __init__(self, kept: float, most: int = MOST) -> None:
        self._kept = kept
        self._most = most
        self._used: dict[str, tuple[str, int, float]] = {}

    def __len__(self) -> int:
        return len(self._used)

    def user(self, nonce: str) -> str | None:
        """Return whom a nonce has proven."""
        found = self._used.get(nonce)
        return None if found is None else found[0]

    def use(self, nonce: str, username: str, count: int, now: float) -> bool:
        """Take note of a use; return False if the nonce was used with this count, or a higher one, before."""
        known = self._used.get(nonce)
        if known is not None and (username != known[0] or count <= known[1]):
            return False
        # In the order of first use, which is that of the end too.
        self._used[nonce] = (username, count, known[2] if known is not None else now + self._kept)
        self._forget(now)
        return True

    def _forget(self, now: float) -> None:
        for nonce, (_, _, end) in list(islice(self._used.items(), 2)):  # two for each that comes: it never grows behind
            if end <= now or len(self._used) > self._most:
                del self._used[nonce]
