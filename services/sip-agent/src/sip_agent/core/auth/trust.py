"""Whose challenges the account's password answers: every answer lets whoever challenged try passwords on it.

| the refused request went to | a realm met before | another realm |
|---|---|---|
| the account's registrar or proxy: REGISTER | answered | learned |
| the same, outside a dialog, 407: a proxy on the way | answered | learned |
| the same, outside a dialog, 401: the callee, or a server that plays it | answered | learned only as the first of all |
| the same, in a dialog (routed back through it) | answered | not answered |
| anybody else: a target or route that a peer has named | not answered | not answered |

How many realms are learned is bounded (`digest.MAX_REALMS`).
"""

from sip_agent.core.syntax.message import Request, Response


def may_learn(refused: Request, response: Response, knows_realm: bool) -> bool:
    """Whether a realm that was not met before is answered, once it is clear that the account's own server was asked."""
    if refused.to.tag:
        return False
    return refused.method == "REGISTER" or response.status == 407 or not knows_realm


def without_challenges(response: Response) -> Response:
    """Return what the core may see of a stranger's 401 or 407; any other response is as it was."""
    if response.status not in (401, 407):
        return response
    made = response.copy()
    made.headers.remove("WWW-Authenticate")
    made.headers.remove("Proxy-Authenticate")
    return made
