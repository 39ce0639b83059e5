"""What JetStream answers to a publish: that it is stored, or why not."""

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """`code` is in the manner of HTTP: from 500 on the server is at fault, and the same may be stored later."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class Acknowledgement(msgspec.Struct, frozen=True):
    """`duplicate`: a message with this id is stored already."""

    seq: int = 0
    duplicate: bool = False
    error: Failure | None = None


_decoder = msgspec.json.Decoder(Acknowledgement)


def read(data: bytes) -> Acknowledgement:
    """Read it; raise `msgspec.MsgspecError` if it is none."""
    return _decoder.decode(data)
