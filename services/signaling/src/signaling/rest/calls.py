"""The routes of calls. What is asked of a call is accepted once its agent has it; the call tells what came of it."""

import os
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response, Security

from shared.ids import new_id
from shared.messages import HangupCall, HoldCall, PlaySound, SendDtmf, StopSound, TransferCall
from shared.messages.account import CallState
from shared.records import CallRecord, EndingRecord

from .authorization import permitted
from .examples import DTMF, HANGUP, NEW_CALL, SOUND, TRANSFER
from .idempotency import IdempotencyKey, IdempotentRoute, call_id_of
from .listing import OfAllOwners, read_page
from .models import (
    AttendedTransfer,
    BlindTransfer,
    Call,
    CallId,
    Calls,
    Dtmf,
    Hangup,
    NewCallOfAccount,
    NewCallOfSession,
    NewSound,
    SessionId,
)
from .operator import Operator, Order
from .problems import responses
from .state import After, AnOperator, Limit

routes = APIRouter(prefix="/calls", tags=["calls"], route_class=IdempotentRoute)

_READ = [Security(permitted, scopes=["calls:read"])]
_WRITE = [Security(permitted, scopes=["calls:write"])]
_CHANGED = responses(404, 409, 415, 501, 502)

Id = Annotated[CallId, Path(description="A call.", examples=["c-abcdefgh12345678"])]
Accepted = Response


@routes.get("", dependencies=_READ, responses=responses())
async def list_calls(
    operator: AnOperator,
    limit: Limit = 50,
    after: After = "",
    session: Annotated[SessionId | None, Query(description="Only those of this session.")] = None,
    state: Annotated[CallState | None, Query(description="Only those that are so far.")] = None,
) -> Calls:
    """List live calls."""

    def is_wanted(record: CallRecord) -> bool:
        return state in (None, record.state)

    records = OfAllOwners(operator.store.calls) if session is None else operator.store.calls.of(session)
    page = await read_page(records, after, limit, is_wanted)
    return Calls(items=[Call.of(record) for record in page.records], next=page.next or None)


@routes.post("", status_code=201, dependencies=_WRITE, responses=responses(404, 409, 415, 501, 502))
async def start_call(
    operator: AnOperator,
    request: Request,
    response: Response,
    body: Annotated[NewCallOfAccount | NewCallOfSession, Body(openapi_examples=NEW_CALL)],
    _: IdempotencyKey = None,
) -> Call:
    """Start a call without a browser: to a sound, or to two parties that are joined."""
    call_id = call_id_of(request)
    found = await operator.known(call_id)
    if found is None:  # else started by the same request before, whose pod died
        found = await _start(operator, call_id, body)
    response.headers["Location"] = f"{operator.path}/calls/{call_id}"
    return Call.of(found)


async def _start(
    operator: Operator, call_id: str, body: NewCallOfAccount | NewCallOfSession
) -> CallRecord | EndingRecord:
    order = Order(
        to=body.to,
        headers=dict(body.headers),
        is_private=body.private,
        sound=body.sound.sound() if body.sound else None,
        ends_with_sound=body.hang_up_after_sound,
        second=body.join_.second(new_id("c", os.urandom)) if body.join_ else None,
    )
    if isinstance(body, NewCallOfSession):
        return await operator.start_within(body.session, call_id, order)
    return await operator.start_for(body.account.credentials(), call_id, order)


@routes.get("/{call}", dependencies=_READ, responses=responses(404))
async def get_call(operator: AnOperator, call: Id) -> Call:
    """Find a call, or how it has ended."""
    return Call.of(await operator.find(call))


@routes.post("/{call}/answer", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def answer_call(operator: AnOperator, call: Id, _: IdempotencyKey = None) -> None:
    """Answer a call of a session that takes calls; or ask the page where it rings, which answers if it was made to."""
    await operator.ask_to_answer(call)


@routes.post("/{call}/hangup", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def hang_up_call(
    operator: AnOperator,
    call: Id,
    body: Annotated[Hangup, Body(openapi_examples=HANGUP)],
    _: IdempotencyKey = None,
) -> None:
    """End a call in whatever state it is."""
    await operator.command(HangupCall, call, status=body.status or 0, reason=body.reason)


@routes.post("/{call}/hold", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def hold_call(operator: AnOperator, call: Id, _: IdempotencyKey = None) -> None:
    """Hold an established call."""
    await operator.command(HoldCall, call, is_held=True)


@routes.post("/{call}/unhold", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def unhold_call(operator: AnOperator, call: Id, _: IdempotencyKey = None) -> None:
    """Take a call back from hold."""
    await operator.command(HoldCall, call, is_held=False)


@routes.post("/{call}/transfer", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def transfer_call(
    operator: AnOperator,
    call: Id,
    body: Annotated[BlindTransfer | AttendedTransfer, Body(openapi_examples=TRANSFER)],
    _: IdempotencyKey = None,
) -> None:
    """Send the far side on; this call ends when that has come to something."""
    if isinstance(body, BlindTransfer):
        await operator.command(TransferCall, call, target=body.to)
    else:
        await operator.command(TransferCall, call, other_call_id=body.other)


@routes.post("/{call}/dtmf", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def send_dtmf(
    operator: AnOperator, call: Id, body: Annotated[Dtmf, Body(openapi_examples=DTMF)], _: IdempotencyKey = None
) -> None:
    """Send digits to the far side."""
    asked = {"digits": body.digits, "method": body.method, "duration_ms": body.duration, "gap_ms": body.gap}
    await operator.command(SendDtmf, call, **asked)


@routes.post("/{call}/sound", status_code=202, dependencies=_WRITE, responses=_CHANGED, response_class=Accepted)
async def play_sound(
    operator: AnOperator, call: Id, body: Annotated[NewSound, Body(openapi_examples=SOUND)], _: IdempotencyKey = None
) -> None:
    """Play a sound to the far side, in the place of whom it hears; one that plays is replaced."""
    await operator.command(PlaySound, call, sound=body.sound())


@routes.delete("/{call}/sound", status_code=204, dependencies=_WRITE, responses=_CHANGED)
async def stop_sound(operator: AnOperator, call: Id) -> None:
    """Stop the sound that plays; that none does is no error."""
    await operator.command(StopSound, call)
