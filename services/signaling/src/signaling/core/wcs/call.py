"""A call as a page of this protocol knows it."""

import hashlib
from dataclasses import dataclass
from typing import Any

DTMF_METHODS = {"": "auto", "RFC2833": "rfc4733", "INFO": "info", "INFO_RELAY": "info"}


def native_id(call_id: str) -> str:
    """Return our id for a call that the page has named: ids of ours have less letters than a page may use."""
    return f"c-{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"


@dataclass
class Call:
    """`call_id` is the page's. One description is all that a call gets: the SDK takes a second one for an offer."""

    call_id: str
    is_incoming: bool
    caller: str
    callee: str
    visible_name: str
    has_video: bool
    is_described: bool = False
    is_held: bool = False
    is_established: bool = False
    has_page: bool = True

    def fields(self, status: str, **more: Any) -> dict[str, Any]:
        """Return the call in the form in which the page is told of it."""
        return {
            "callId": self.call_id,
            "status": status,
            "incoming": self.is_incoming,
            "caller": self.caller,
            "callee": self.callee,
            "visibleName": self.visible_name,
            "hasAudio": True,
            "hasVideo": self.has_video,
            "mediaProvider": "WebRTC" if self.has_page else None,
            **more,
        }
