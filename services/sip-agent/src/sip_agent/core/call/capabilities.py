"""What the user agents of this service understand, and the refusal of what they do not (RFC 3261 §8.2)."""

from sip_agent.core.syntax.message import Request, Response, make_response

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "UPDATE", "INFO", "OPTIONS")
ALLOW = ", ".join(METHODS)
SDP = "application/sdp"
_WITH_SDP = ("INVITE", "UPDATE")


def capabilities(method: str) -> list[tuple[str, str]]:
    """Return the header fields that a 200 to OPTIONS has (§11.2)."""
    return [("Allow", ALLOW), ("Accept", SDP)] if method == "OPTIONS" else []


def refusal(request: Request, to_tag: str | None = None) -> Response | None:
    """Return the response to a request that asks for what we cannot do, in the order of §8.2.1 to §8.2.3."""
    if request.method not in METHODS:
        return make_response(request, 405, None, to_tag, [("Allow", ALLOW)])
    required = request.headers.get_all("Require")
    if required:
        return make_response(request, 420, None, to_tag, [("Unsupported", ", ".join(required))])
    if request.body and request.method in _WITH_SDP:
        if request.content_type != SDP:
            return make_response(request, 415, None, to_tag, [("Accept", SDP)])
        if (request.headers.get("Content-Encoding") or "identity").strip().lower() != "identity":
            return make_response(request, 415, None, to_tag, [("Accept-Encoding", "identity")])
    return None
