"""A refused request made ready to be sent again with the account's credentials (RFC 3261 §22.2, §22.3)."""

from collections.abc import Iterable

from sip_agent.core.auth.digest import MAX_REALMS, DigestClient
from sip_agent.core.auth.trust import may_learn
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response

# Of one request: each realm, and once more where its nonce has grown old. Servers that take turns in asking end here.
MAX_CHALLENGES = 2 * MAX_REALMS


def with_credentials(request: Request, fields: Iterable[tuple[str, str]]) -> Request:
    """Return a copy that has these credentials and no others."""
    made = request.copy()
    made.headers.remove("Authorization")
    made.headers.remove("Proxy-Authorization")
    for name, value in fields:
        made.headers.add(name, value)
    return made


def answer(digest: DigestClient, refused: Request, response: Response) -> Request | None:
    """Return the request to send instead, its CSeq one higher (§8.1.3.5), or None if there is no use in it.

    Only for a request that went to the account's own server: `trust` has the rule.
    """
    if refused.challenges == MAX_CHALLENGES:
        return None
    try:
        fields = digest.answer(refused, response, may_learn(refused, response, digest.knows_realm))
    except SipError:  # a challenge that cannot be read cannot be met
        return None
    if not fields:
        return None
    made = with_credentials(refused, fields)
    made.challenges = refused.challenges + 1
    number, method = refused.cseq
    made.headers.set("CSeq", f"{number + 1} {method}")
    return made
