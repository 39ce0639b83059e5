"""Bytes to messages and back. Bytes that are no message of this contract are the sender's fault."""

from typing import get_args

import msgspec

from ..errors import RemoteError
from . import account, call, envelope, instant, media, presence

AnyMessage = (
    envelope.Done
    | envelope.Refused
    | account.OpenAccount
    | account.AccountOpened
    | account.AttachSession
    | account.SessionSnapshot
    | account.DetachSession
    | account.CloseAccount
    | account.AdoptAccount
    | account.AccountMoved
    | account.RegistrationChanged
    | account.SessionEnded
    | call.StartCall
    | call.IncomingCall
    | call.IncomingAccepted
    | call.AnswerCall
    | call.AnswerRequested
    | call.RenewMedia
    | call.RenewalOffered
    | call.AnswerRenewal
    | call.ReanchorMedia
    | call.HangupCall
    | call.HoldCall
    | call.SendDtmf
    | call.PlaySound
    | call.StopSound
    | call.TransferCall
    | call.CallProgress
    | call.CallEstablished
    | call.CallHold
    | call.CallActionFailed
    | call.DtmfReceived
    | call.SoundEnded
    | call.CallQuality
    | call.TransferProgress
    | call.CallTransferred
    | call.CallEnded
    | instant.SendMessage
    | instant.IncomingMessage
    | instant.MessageSent
    | media.AllocateMedia
    | media.MediaAllocated
    | media.RebuildMedia
    | media.AnswerMedia
    | media.OfferMedia
    | media.RequestOffer
    | media.RequestKeyframe
    | media.SendDigits
    | media.SendSound
    | media.EndSound
    | media.MediaSdp
    | media.AdoptMedia
    | media.ReleaseMedia
    | media.MediaConnected
    | media.MediaFailed
    | media.MediaQuality
    | media.MediaDigit
    | media.SoundSent
    | media.PictureWanted
    | presence.Heartbeat
    | presence.Probe
)

MESSAGE_TYPES: tuple[type[envelope.Message], ...] = get_args(AnyMessage)

_decoder: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_encoder = msgspec.json.Encoder()


def encode(message: envelope.Message) -> bytes:
    """Return the message's JSON."""
    return _encoder.encode(message)


def decode(data: bytes) -> AnyMessage:
    """Read a message; raise `RemoteError` 400 if it is none, 505 if its version is not ours."""
    try:
        message = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise RemoteError(400, f"Bad Message: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:  # the latter: thousands of brackets
        raise RemoteError(400, f"Not JSON: {error}") from error
    if message.v != envelope.VERSION:
        raise RemoteError(505, f"Message Version {message.v} Not Supported")
    return message
