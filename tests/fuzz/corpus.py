"""Where fuzzing starts: the torture messages, and the pieces of them for the targets that take less than a message."""

from media_relay.core.packet.framing import frame
from tests.fuzz import transports
from tests.fuzz.transactions import script
from tests.support import descriptions, torture

_CHALLENGES = (
    'Digest realm="atlanta.com", domain="sip:boxesbybob.com", nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="",'
    ' stale=FALSE, algorithm=SHA-256, qop="auth,auth-int"',
    'Digest username="Bob \\"B\\"", realm="r", nonce="n", uri="sip:h", qop=auth, nc=00000001, cnonce="c", response="e"',
    'Basic realm="r", Digest realm="r,s", nonce="n"',
    "NoOneKnowsThisScheme opaque-data=here",
)
_PACKETS = (
    "8000000100000001000000010011",
    "90e0000100000001000000010bede00011022330",
    "81c8000600000001000000000000000000000000000000000000000000",
    "000100002112a442000102030405060708090a0b",
)
_FEEDBACK = (
    "80c80006000000010000000200000003000000040000000500000006",  # a sender report
    "80c9000100000001" + "81cd0003000000010000000200058003",  # a NACK of 5, 6, 7 and 21
    "80c9000100000001" + "81ce00020000000100000002" + "84ce000400000001000000000000000201000000",  # PLI, FIR
    "81cd0004000000010000000200058003ffff0001" + "8fce000500000001000000005245 4d420106000000000002",  # NACK, REMB
)


def seeds(target: str) -> list[bytes]:
    """The seeds of one target."""
    messages = [torture.message(name) for rfc in ("rfc4475", "rfc5118") for name in torture.names(rfc)]
    if target == "datagram":
        return messages
    if target == "stream":
        return [bytes([size]) + data for size, data in zip((0, 3, 200) * len(messages), messages, strict=False)]
    if target == "transactions":
        return [script(messages[at : at + 3]) for at in range(0, len(messages), 3)]
    if target == "addresses":
        lines = [line for data in messages for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
        return sorted({line.partition(b":")[2].strip() for line in lines})
    if target == "challenges":
        return [text.encode() for text in _CHALLENGES]
    if target == "descriptions":
        return [descriptions.sdp(name).encode() for name in descriptions.all_names()]
    if target == "frames":
        return [b"\3" + b"".join(frame(bytes.fromhex(text)) for text in _PACKETS)]
    if target == "transports":
        return list(transports.SEEDS)
    return [bytes.fromhex(text) for text in (_FEEDBACK if target == "wishes" else _PACKETS)]
