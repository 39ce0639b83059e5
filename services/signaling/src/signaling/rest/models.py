"""The bodies of the REST API, as OpenAPI describes them. Their grammar is that of the web protocol."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from shared.messages import SecondParty, Sound
from shared.messages.account import CallState, RegistrationState, Transport
from shared.messages.call import DtmfMethod, EndedBy
from shared.records import AccountRecord, CallRecord, EndingRecord

from ..core import fields
from ..core.agent_events import address
from ..core.requests import SipCredentials


def _whole(value: Any) -> Any:
    """To JSON Schema 5.0 is an integer; to Pydantic's strict mode it is none, and to the other one "5" is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
Login = Annotated[str, StringConstraints(min_length=1, max_length=fields.LOGIN_AT_MOST, pattern=f"^{fields.LOGIN}$")]
Secret = Annotated[str, StringConstraints(max_length=fields.SECRET_AT_MOST)]
Line = Annotated[str, StringConstraints(max_length=fields.LINE_AT_MOST, pattern=f"^{fields.LINE}$")]
Domain = Annotated[str, StringConstraints(max_length=fields.DOMAIN_AT_MOST, pattern=f"^{fields.DOMAIN}$")]
Proxy = Annotated[str, StringConstraints(max_length=fields.PROXY_AT_MOST, pattern=f"^{fields.PROXY}$")]
Port = Annotated[int, Field(ge=0, le=fields.PORT_AT_MOST, strict=True), Whole]
Flag = Annotated[bool, Field(strict=True)]
Target = Annotated[
    str,
    StringConstraints(min_length=1, max_length=fields.TARGET_AT_MOST, pattern=f"^{fields.PLAIN_TARGET}$"),
    Field(description="A SIP URI, or a user of the account's domain."),
]
Digits = Annotated[str, StringConstraints(min_length=1, max_length=fields.DIGITS_AT_MOST, pattern=f"^{fields.DIGITS}$")]
FinalStatus = Annotated[int, Field(ge=fields.FINAL_STATUS[0], le=fields.FINAL_STATUS[-1], strict=True), Whole]
Duration = Annotated[
    int,
    Field(
        ge=fields.DTMF_DURATION[0],
        le=fields.DTMF_DURATION[-1],
        strict=True,
        description="Milliseconds of each digit.",
    ),
    Whole,
]
Gap = Annotated[
    int,
    Field(ge=fields.DTMF_GAP[0], le=fields.DTMF_GAP[-1], strict=True, description="Milliseconds between two."),
    Whole,
]
CallId = Annotated[str, StringConstraints(pattern=f"^{fields.NEW_CALL_ID}$")]
SessionId = Annotated[str, StringConstraints(pattern="^s-[a-z0-9]{16,32}$")]
SoundName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_\-][A-Za-z0-9_\-.]{0,63}$"),
    Field(description="Of a sound that the media-relays have."),
]
_HEADERS = "|".join(name.title() for name in fields.ALLOWED_HEADERS)
HeaderName = Annotated[str, StringConstraints(pattern=rf"^(?:[Xx]-[A-Za-z0-9\-]{{1,62}}|{_HEADERS})$")]
HeaderValue = Annotated[str, StringConstraints(max_length=fields.HEADER_VALUE_AT_MOST, pattern=f"^{fields.LINE}$")]


def _closed(schema: dict[str, Any]) -> None:
    """Say that no other names are taken: Pydantic gives the pattern of a key, and lets others be."""
    schema["additionalProperties"] = False


Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Field(
        max_length=fields.HEADERS_AT_MOST,
        json_schema_extra=_closed,
        description=f"Header fields of the INVITE: X-…, or one of {_HEADERS.replace('|', ', ')}.",
    ),
]


class Body(BaseModel):
    """What a caller says. Fields that are not known are refused: a misspelt one would do nothing, silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(Body):
    """A SIP account. An empty domain is the built-in one."""

    login: Login
    password: Secret = ""
    domain: Domain = ""
    auth_name: Line = ""
    outbound_proxy: Proxy = ""
    port: Port = 0
    transport: Transport = ""
    display_name: Line = ""
    register_: Flag = Field(default=False, alias="register", description="Whether to register it, so that it is known.")

    def credentials(self) -> SipCredentials:
        """Return it as the web protocol has it."""
        return SipCredentials(
            login=self.login,
            password=self.password,
            domain=self.domain,
            auth_name=self.auth_name,
            outbound_proxy=self.outbound_proxy,
            port=self.port,
            transport=self.transport,
            register=self.register_,
            display_name=self.display_name,
        )


class NewSession(Body):
    """A session without a page: an account that calls can be made with."""

    account: Account
    idle_seconds: Annotated[float, Field(ge=60, le=86_400, strict=True)] = 600.0
    takes_calls: Flag = Field(
        default=False, description="Whether calls that come in ring, until they are answered here; else they get 480."
    )


class NewSound(Body):
    """A sound to play."""

    name: SoundName
    loop: Flag = False

    def sound(self) -> Sound:
        """Return it as the bus has it."""
        return Sound(name=self.name, is_looped=self.loop)


class Party(Body):
    """Who is called once the first party has answered, to be joined with it."""

    to: Target
    headers: Headers = {}

    def second(self, call_id: str) -> SecondParty:
        """Return it as the bus has it."""
        return SecondParty(call_id=call_id, callee=self.to, headers=dict(self.headers))


class _NewCall(Body):
    to: Target
    headers: Headers = {}
    private: Flag = Field(default=False, description="Ask the servers to withhold who calls (RFC 3323).")
    sound: NewSound | None = Field(
        default=None, description="Played once it is answered; with `join`, until that one answers."
    )
    hang_up_after_sound: Flag = False
    join_: Party | None = Field(
        default=None, alias="join", description="A second party, called once the first one has answered."
    )


class NewCallOfSession(_NewCall):
    """A call of a session that has no page."""

    session: SessionId


class NewCallOfAccount(_NewCall):
    """A call of an account, which is opened for it and ends with it."""

    account: Account


class Hangup(Body):
    """How an incoming call is refused; of other calls neither is told."""

    status: FinalStatus | None = None
    reason: Line = ""


class Dtmf(Body):
    """Digits: of 0-9, `*`, `#`, A-D and `,`, a pause of two seconds."""

    digits: Digits
    method: DtmfMethod = "auto"
    duration: Duration = 100
    gap: Gap = 70


class BlindTransfer(Body):
    """The far side is to call somebody."""

    to: Target


class AttendedTransfer(Body):
    """The far side is to take over another established call of the same session."""

    other: CallId


class Resource(BaseModel):
    """What a caller is told."""

    model_config = ConfigDict(extra="forbid")


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Held(Resource):
    """Who holds a call."""

    local: bool
    remote: bool


class End(Resource):
    """How a call has ended."""

    status: int = Field(description="The SIP status, 200 where an established call was hung up.")
    reason: str
    by: EndedBy
    at: datetime

    @classmethod
    def of(cls, ending: EndingRecord) -> "End":
        """Return a record as a caller sees it."""
        return cls(status=ending.status, reason=ending.reason, by=ending.by, at=_at(ending.ended_at))


class Call(Resource):
    """A call. One that has ended is found for ten minutes if no page took part in it, and is in no list."""

    id: str
    session: str
    direction: Literal["incoming", "outgoing"]
    state: CallState
    status: int = Field(description="The SIP status behind the state; 0: none yet.")
    caller: str
    caller_name: str
    callee: str
    video: bool
    held: Held
    page: bool = Field(description="Whether a page takes part in it.")
    joined: str | None = Field(description="The call that it is, or is to be, joined with.")
    created_at: datetime
    established_at: datetime | None
    end: End | None

    @classmethod
    def of(cls, found: CallRecord | EndingRecord) -> "Call":
        """Return a record as a caller sees it."""
        record, ending = (found.call, found) if isinstance(found, EndingRecord) else (found, None)
        return cls(
            id=record.call_id,
            session=record.session_id,
            direction=record.direction,
            state=record.state,
            status=record.status,
            caller=address(record.caller),
            caller_name=record.caller_name,
            callee=address(record.callee),
            video=record.has_video,
            held=Held(local=record.local_hold, remote=record.remote_hold),
            page=not record.is_headless,
            joined=record.joined_call_id or None,
            created_at=_at(record.created_at),
            established_at=None if record.established_at is None else _at(record.established_at),
            end=None if ending is None else End.of(ending),
        )


class Session(Resource):
    """A log-in of a page, or an account that was opened by this API."""

    id: str
    aor: str = Field(description="The address of record, user@domain.")
    display_name: str
    registration: RegistrationState
    page: bool = Field(description="Whether it is a page's.")
    takes_calls: bool = Field(description="Whether calls that come in ring, until they are answered here.")
    detached_at: datetime | None = Field(description="When the page's socket was lost, while it may still come back.")

    @classmethod
    def of(cls, record: AccountRecord) -> "Session":
        """Return a record as a caller sees it."""
        account = record.account
        return cls(
            id=record.session_id,
            aor=f"{account.login}@{account.domain}",
            display_name=account.display_name,
            registration=record.registration,
            page=bool(record.pod),
            takes_calls=record.takes_calls,
            detached_at=None if record.detached_at is None else _at(record.detached_at),
        )


class Calls(Resource):
    """A page of calls, which may be shorter than was asked for; the list ends where `next` is null."""

    items: list[Call]
    next: str | None = Field(description="To be given as `after` for the next page.")


class Sessions(Resource):
    """A page of sessions, as of calls."""

    items: list[Session]
    next: str | None
