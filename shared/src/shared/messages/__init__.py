"""Every message on the bus, one frozen struct each; their JSON is fixed by `tests/contract/golden/bus`.

`encode` and `decode` are the only way on and off the wire. The tag `type` names the struct, `v` the version
of the whole contract. A receiver ignores fields it does not know, so a field with a default may be added
without a new version; anything else raises `VERSION`.
"""

from .account import (
    AccountOpened,
    AttachSession,
    CallSnapshot,
    CloseAccount,
    DetachSession,
    OpenAccount,
    RegistrationChanged,
    SessionEnded,
    SessionSnapshot,
    SipAccount,
)
from .call import (
    AnswerCall,
    CallEnded,
    CallEstablished,
    CallProgress,
    HangupCall,
    IncomingAccepted,
    IncomingCall,
    StartCall,
)
from .envelope import VERSION, Command, Done, Event, Message, Refused, Reply
from .media import (
    AllocateMedia,
    AnswerMedia,
    MediaAllocated,
    MediaConnected,
    MediaFailed,
    MediaRef,
    MediaSdp,
    OfferMedia,
    ReleaseMedia,
)
from .presence import Heartbeat
from .wire import AnyMessage, decode, encode

__all__ = [
    "AccountOpened",
    "AllocateMedia",
    "AnswerCall",
    "AnswerMedia",
    "AnyMessage",
    "AttachSession",
    "CallEnded",
    "CallEstablished",
    "CallProgress",
    "CallSnapshot",
    "CloseAccount",
    "Command",
    "DetachSession",
    "Done",
    "Event",
    "HangupCall",
    "Heartbeat",
    "IncomingAccepted",
    "IncomingCall",
    "MediaAllocated",
    "MediaConnected",
    "MediaFailed",
    "MediaRef",
    "MediaSdp",
    "Message",
    "OfferMedia",
    "OpenAccount",
    "Refused",
    "RegistrationChanged",
    "ReleaseMedia",
    "Reply",
    "SessionEnded",
    "SessionSnapshot",
    "SipAccount",
    "StartCall",
    "VERSION",
    "decode",
    "encode",
]
