"""The texts that a page may give and that end up in SIP: their caps, their characters, the headers it may set.

A page must not be able to write a line of a SIP message (CVE-2020-28361): whatever becomes part of a header is checked
here, before anything is sent. The grammar is RFC 3261 §25.1, narrowed to what has a use.
"""

import re
from typing import Annotated

from msgspec import Meta

from .errors import bad_request

HEADERS_AT_MOST = 16
HEADER_VALUE_AT_MOST = 1024
LOGIN_AT_MOST = 128
SECRET_AT_MOST = 256
LINE_AT_MOST = 128
DOMAIN_AT_MOST = 253
PROXY_AT_MOST = 259
PORT_AT_MOST = 65535
TARGET_AT_MOST = 256
DIGITS_AT_MOST = 32
FINAL_STATUS = range(400, 700)
# Milliseconds, as RTCDTMFSender has them (W3C WebRTC §7.2).
DTMF_DURATION = range(40, 6001)
DTMF_GAP = range(30, 6001)
BODY_AT_MOST = 16 * 1024

# C0 and C1 controls, DEL, and the line and paragraph separators of Unicode.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;/%]"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"

# Without their anchors, which are written otherwise in JSON Schema.
LOGIN = f"{_USER}+"
LINE = f"[^{_CONTROL}]*"
DOMAIN = f"(?:{_HOST})?"
PROXY = f"(?:{_HOST}(?::[0-9]{{1,5}})?)?"
DIGITS = "[0-9*#A-D,]+"
NEW_CALL_ID = "c-[a-z0-9]{16,32}"
# No `?`: a URI's headers (RFC 3261 §19.1.1) would be headers of the request.
TARGET = rf"(?:sips?:)?{_USER}+(?:@{_HOST}(?::[0-9]{{1,5}})?(?:;[A-Za-z0-9\-_.=;%]+)?)?"
# The same without escaped control characters, which `check_target` refuses where the pattern lets them pass.
_ESCAPE = "%(?:[2-689A-Fa-f][0-9A-Fa-f]|7[0-9A-Ea-e])"
_PLAIN_USER = rf"(?:{_USER.replace('%', '')}|{_ESCAPE})+"
PLAIN_TARGET = rf"(?:sips?:)?{_PLAIN_USER}(?:@{_HOST}(?::[0-9]{{1,5}})?(?:;(?:[A-Za-z0-9\-_.=;]|{_ESCAPE})+)?)?"

RequestId = Annotated[str, Meta(min_length=1, max_length=64, pattern=rf"^[^{_CONTROL}]+\Z")]
NewCallId = Annotated[str, Meta(pattern=rf"^{NEW_CALL_ID}\Z")]
CallId = Annotated[str, Meta(min_length=1, max_length=64)]
Login = Annotated[str, Meta(min_length=1, max_length=LOGIN_AT_MOST, pattern=rf"^{LOGIN}\Z")]
Secret = Annotated[str, Meta(max_length=SECRET_AT_MOST)]
Line = Annotated[str, Meta(max_length=LINE_AT_MOST, pattern=rf"^{LINE}\Z")]
Domain = Annotated[str, Meta(max_length=DOMAIN_AT_MOST, pattern=rf"^{DOMAIN}\Z")]
Proxy = Annotated[str, Meta(max_length=PROXY_AT_MOST, pattern=rf"^{PROXY}\Z")]
Port = Annotated[int, Meta(ge=0, le=PORT_AT_MOST)]
FinalStatus = Annotated[int, Meta(ge=FINAL_STATUS[0], le=FINAL_STATUS[-1])]
Token = Annotated[str, Meta(min_length=1, max_length=128)]
# What a page makes itself must not be guessable: 32 characters of base64url (RFC 4648 §5) hold 192 bits.
NewToken = Annotated[str, Meta(min_length=32, max_length=128, pattern=r"^[A-Za-z0-9_-]+\Z")]
Jwt = Annotated[str, Meta(min_length=1, max_length=8192)]
Sdp = Annotated[str, Meta(min_length=1, max_length=65536)]

NewMessageId = Annotated[str, Meta(pattern=r"^t-[a-z0-9]{16,32}\Z")]
Digits = Annotated[str, Meta(min_length=1, max_length=DIGITS_AT_MOST, pattern=rf"^{DIGITS}\Z")]
DtmfDuration = Annotated[int, Meta(ge=DTMF_DURATION[0], le=DTMF_DURATION[-1])]
DtmfGap = Annotated[int, Meta(ge=DTMF_GAP[0], le=DTMF_GAP[-1])]
Body = Annotated[str, Meta(min_length=1)]
# What is text, in UTF-8, and no container of other bodies.
ContentType = Annotated[
    str,
    Meta(
        max_length=128,
        pattern=r"^(?:text|application)/[A-Za-z0-9.+\-]+(?:; ?charset=(?:utf|UTF)-8)?\Z",
    ),
]

Target = Annotated[str, Meta(max_length=TARGET_AT_MOST, pattern=rf"^{TARGET}\Z")]

_ESCAPED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9\-]{1,64}\Z")
_CONTROLS = re.compile(f"[{_CONTROL}]")
ALLOWED_HEADERS = ("accept-language", "alert-info", "organization", "priority", "subject", "user-to-user")


def check_target(to: str) -> None:
    """Refuse what a careless reader of the URI could turn into a line end."""
    if _ESCAPED_CONTROL.search(to):
        raise bad_request("`to` has an escaped control character")


def check_body(body: str) -> None:
    """Refuse a body that is larger than SIP over UDP should ever carry; the schema counts characters, not bytes."""
    if len(body) > BODY_AT_MOST or len(body.encode()) > BODY_AT_MOST:
        raise bad_request(f"`body` is longer than {BODY_AT_MOST} bytes")


def check_headers(headers: dict[str, str]) -> None:
    """Refuse a header that a page may not set. The message names it only if its name is harmless."""
    if len(headers) > HEADERS_AT_MOST:
        raise bad_request(f"more than {HEADERS_AT_MOST} headers")
    for name, value in headers.items():
        if not _HEADER_NAME.match(name):
            raise bad_request("a header's name may have letters, digits and `-`, 64 at most")
        if not name.lower().startswith("x-") and name.lower() not in ALLOWED_HEADERS:
            raise bad_request(f"header {name} is reserved; X-… are free to use")
        if len(value) > HEADER_VALUE_AT_MOST:
            raise bad_request(f"header {name} is longer than {HEADER_VALUE_AT_MOST} characters")
        if _CONTROLS.search(value):
            raise bad_request(f"header {name} has a control character")
