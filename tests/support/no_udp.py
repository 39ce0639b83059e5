"""A network without UDP, as far as one port goes: a firewall of routing rules, in a namespace of the tests' own."""

import contextlib
import subprocess
from collections.abc import Iterator


def _rule(*arguments: str) -> None:
    subprocess.run(("ip", "rule", *arguments), check=True)


@contextlib.contextmanager
def no_udp_to(port: int) -> Iterator[None]:
    """Refuse UDP to a port of any address while the block runs, also to this host's own: its rule is made to wait."""
    _rule("add", "pref", "100", "lookup", "local")
    _rule("del", "pref", "0")
    _rule("add", "pref", "10", "ipproto", "udp", "dport", str(port), "prohibit")
    try:
        yield
    finally:
        _rule("del", "pref", "10")
        _rule("add", "pref", "0", "lookup", "local")
        _rule("del", "pref", "100")
