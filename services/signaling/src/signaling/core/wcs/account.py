"""The first message of a page: whose account it wants, and how it goes on with a session that it had.

The token of a page is our session and its resume token in one, for the SDK keeps one text only. The next one is made
here, as no page of this protocol makes its own.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from msgspec import to_builtins

from ..frames import SessionOk
from ..requests import AnyRequest, convert
from .wire import flag_of, text_of

_LEFT_OUT = ("sipPassword", "authToken", "webRTCMetricsServerDescription")


def is_local(domain: str, proxy: str, port: str) -> bool:
    """Whether a form means calls without a SIP server: WCS's own rule, the same IP address twice, and no port."""
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return port in ("", "0") and proxy in ("", domain)


def read_connection(request_id: str, connection: dict[str, Any], new_token: Callable[[], str]) -> AnyRequest:
    """Return a `login` or a `resume`; raise `PageError`."""
    token = text_of(connection, "authToken")
    if token and not text_of(connection, "sipLogin"):
        session, separator, resume_token = token.partition(".")
        if separator and "." not in resume_token:
            fields = {"session": session, "resume_token": resume_token, "next_token": new_token()}
            return convert({"type": "resume", "id": request_id, "version": 1, **fields})
        return convert({"type": "login", "id": request_id, "version": 1, "jwt": token})
    return convert({"type": "login", "id": request_id, "version": 1, "sip": account_of(connection)})


def account_of(connection: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the SIP account that a form means."""
    domain = text_of(connection, "sipDomain")
    proxy = text_of(connection, "sipOutboundProxy") or text_of(connection, "sipProxy")
    port = text_of(connection, "sipPort")
    registers = flag_of(connection, "sipRegisterRequired", default=True)
    if is_local(domain, proxy, port):
        # Users are found by their log-in there, ticked or not; with us that takes a registration at the own domain.
        domain, proxy, registers = "", "", True
    account = {
        "login": text_of(connection, "sipLogin"),
        "password": text_of(connection, "sipPassword"),
        "domain": domain,
        "auth_name": text_of(connection, "sipAuthenticationName"),
        "outbound_proxy": "" if proxy == domain else proxy,
        "port": int(port) if port.isascii() and port.isdecimal() else 0,
        "register": registers,
        "display_name": text_of(connection, "sipVisibleName"),
    }
    return account


def token_of(session: str, resume_token: str) -> str:
    """Return what the page shows to go on with its session."""
    return f"{session}.{resume_token}"


def user_data(connection: dict[str, Any], frame: SessionOk, token: str) -> dict[str, Any]:
    """Return what the page is told of its log-in: what it said, without its secrets, and who it is by it.

    The SDK gives the page all of it with ESTABLISHED, and knows no ICE servers but those of the page's `mediaOptions`.
    """
    echoed = {name: value for name, value in connection.items() if name not in _LEFT_OUT}
    login, _, domain = frame.aor.rpartition("@")
    domain = connection.get("sipDomain") or domain
    servers = to_builtins(frame.ice_servers)
    return {**echoed, "sipLogin": login, "sipDomain": domain, "authToken": token, "iceServers": servers}
