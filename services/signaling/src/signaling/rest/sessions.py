"""The routes of sessions: log-ins of pages, and accounts that were opened here."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response, Security

from ..agents import Unattended
from .authorization import permitted
from .examples import NEW_SESSION
from .idempotency import IdempotencyKey, IdempotentRoute
from .listing import read_page
from .models import NewSession, Session, SessionId, Sessions
from .problems import responses
from .state import After, AnOperator, Limit

routes = APIRouter(prefix="/sessions", tags=["sessions"], route_class=IdempotentRoute)

_READ = [Security(permitted, scopes=["sessions:read"])]
_WRITE = [Security(permitted, scopes=["sessions:write"])]

Id = Annotated[SessionId, Path(description="A session.", examples=["s-abcdefgh12345678"])]


@routes.get("", dependencies=_READ, responses=responses())
async def list_sessions(operator: AnOperator, limit: Limit = 50, after: After = "") -> Sessions:
    """List sessions."""
    page = await read_page(operator.store.accounts, after, limit, lambda _: True)
    return Sessions(items=[Session.of(record) for record in page.records], next=page.next or None)


@routes.post("", status_code=201, dependencies=_WRITE, responses=responses(409, 501, 502))
async def open_session(
    operator: AnOperator,
    response: Response,
    body: Annotated[NewSession, Body(openapi_examples=NEW_SESSION)],
    _: IdempotencyKey = None,
) -> Session:
    """Open a session without a page. It ends by itself once it has had no call for `idle_seconds`."""
    record = await operator.open(body.account.credentials(), Unattended(body.idle_seconds, body.takes_calls))
    response.headers["Location"] = f"{operator.path}/sessions/{record.session_id}"
    return Session.of(record)


@routes.get("/{session}", dependencies=_READ, responses=responses(404))
async def get_session(operator: AnOperator, session: Id) -> Session:
    """Find a session."""
    return Session.of(await operator.session(session))


@routes.delete("/{session}", status_code=204, dependencies=_WRITE, responses=responses(404, 409, 501, 502))
async def end_session(operator: AnOperator, session: Id) -> None:
    """End a session and its calls, also a page's."""
    await operator.close(session)
