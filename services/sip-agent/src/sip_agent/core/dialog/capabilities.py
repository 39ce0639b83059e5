"""What the user agents of this service understand, and the refusal of what they do not (RFC 3261 §8.2)."""

from sip_agent.core.in_dialog.info import BODIES as INFO_BODIES
from sip_agent.core.syntax.message import Request, Response, make_response

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS", "MESSAGE", "REFER", "NOTIFY")
ALLOW = ", ".join(METHODS)
EXTENSIONS = ("100rel", "timer", "replaces", "norefersub")  # option tags (§19.2) that a far side may require of us
SUPPORTED = ", ".join(EXTENSIONS)
PRODUCT = "Cordboard"  # in User-Agent and Server: no version, which would tell what it can be attacked by (§20.41)
SDP = "application/sdp"
# What every response that makes or changes a dialog tells (§13.3.1.4), and every request that does (§13.2.1).
ACCEPTED = (("Allow", ALLOW), ("Supported", SUPPORTED), ("Server", PRODUCT))
OFFERED = (("Allow", ALLOW), ("Supported", SUPPORTED), ("Accept", SDP), ("User-Agent", PRODUCT))
_WITH_SDP = ("INVITE", "UPDATE")


def capabilities(method: str) -> list[tuple[str, str]]:
    """Return the header fields that a 200 to OPTIONS has (§11.2)."""
    return [*ACCEPTED, ("Accept", ", ".join((SDP, *INFO_BODIES)))] if method == "OPTIONS" else []


def refusal(request: Request, to_tag: str | None = None) -> Response | None:
    """Return the response to a request that asks for what we cannot do, in the order of §8.2.1 to §8.2.3."""
    if request.method not in METHODS:
        return make_response(request, 405, None, to_tag, [("Allow", ALLOW)])
    unknown = [option for option in request.headers.get_all("Require") if option.lower() not in EXTENSIONS]
    if unknown:
        return make_response(request, 420, None, to_tag, [("Unsupported", ", ".join(unknown))])
    if request.body and request.method in _WITH_SDP:
        if request.content_type != SDP:
            return make_response(request, 415, None, to_tag, [("Accept", SDP)])
        if (request.headers.get("Content-Encoding") or "identity").strip().lower() != "identity":
            return make_response(request, 415, None, to_tag, [("Accept-Encoding", "identity")])
    if request.method in _WITH_SDP and not _accepts_sdp(request):
        return make_response(request, 406, None, to_tag)
    return None


def _accepts_sdp(request: Request) -> bool:
    """Whether the answer may be SDP (§20.1): no Accept asks for nothing else, an empty one for no body at all."""
    ranges = [value.partition(";")[0].strip().lower() for value in request.headers.get_all("Accept")]
    return "Accept" not in request.headers or bool({"*/*", "application/*", SDP}.intersection(ranges))
