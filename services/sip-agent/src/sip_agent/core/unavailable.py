"""503 Service Unavailable (RFC 3261 §21.5.4): without Retry-After it is as good as a 500."""

RETRY_AFTER = 5.0  # seconds at least, twice as many at most, so that not all come again at once


def retry_after(chance: float) -> tuple[str, str]:
    """Return the header field; `chance` is between 0 and 1."""
    return "Retry-After", str(round(RETRY_AFTER * (1.0 + chance)))
