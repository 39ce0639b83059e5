"""The torture messages of RFC 4475 and RFC 5118, byte for byte, and the right verdict on each.

The files are written as RFC 4475 §2.1 prints messages: lines end with CRLF on the wire, and `<allOneLine>`, `<hex>`
and `<repeat>` stand for what a page cannot show. Three things differ from the archives in the RFCs' appendices: "baddn"
has the empty line at its end, RFC 5118's messages end their lines with CRLF, and its three with a body tell its real
length.
"""

import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_ONE_LINE = re.compile(r"<allOneLine>\n(.*?)\n</allOneLine>", re.DOTALL)
_REPEAT = re.compile(r"<repeat count=(\d+)>(.*?)</repeat>")
_HEX = re.compile(rb"<hex>([0-9A-F\r\n]*)</hex>")


def names(rfc: str) -> list[str]:
    """Every message of "rfc4475" or "rfc5118"."""
    return sorted(path.stem for path in (_FOLDER / rfc).glob("*.txt"))


def message(name: str) -> bytes:
    """A message as it goes on the wire."""
    (path,) = _FOLDER.glob(f"*/{name}.txt")
    return decode(path.read_text())


def decode(text: str) -> bytes:
    """What the notation of RFC 4475 §2.1 stands for."""
    text = _ONE_LINE.sub(lambda found: found[1].replace("\n", ""), text)
    text = _REPEAT.sub(lambda found: found[2] * int(found[1]), text)
    return _HEX.sub(
        lambda found: bytes.fromhex("".join(found[1].decode().split())), text.replace("\n", "\r\n").encode()
    )
