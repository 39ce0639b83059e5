"""The replies that tell a page of its session and of the ICE servers."""

from ..core.frames import IceOk, SessionOk
from ..ice import Told
from ..sessions.directory import Held


def session_ok(re: str, held: Held, token: str, ice: Told) -> SessionOk:
    """Return the reply to a log-in or a resume."""
    record = held.record
    return SessionOk(
        re=re,
        session=record.session_id,
        resume_token=token,
        aor=record.aor,
        domain=record.aor.rpartition("@")[2],
        ice_servers=ice.servers,
        ice_seconds=ice.seconds,
    )


def ice_ok(re: str, ice: Told) -> IceOk:
    """Return the reply to a request for the ICE servers alone."""
    return IceOk(re=re, ice_servers=ice.servers, ice_seconds=ice.seconds)
