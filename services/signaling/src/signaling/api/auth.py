"""Whose account a log-in means: SIP credentials as they are, or the account that a token's claims name.

A page can read its token, so no password is taken from one: the built-in domain derives its own, and those of other
SIP servers are in the pod's file of accounts.
"""

from dataclasses import dataclass

import msgspec

from shared.messages import SipAccount
from shared.sealing import Seal, account_password

from ..core.errors import bad_request
from ..core.fields import Login
from ..core.requests import AccountClaim, AccountFields, LoginRequest
from ..settings import Settings
from ..tokens import Tokens, Verified
from ..tokens.verifier import refused
from .accounts import Accounts


@dataclass(frozen=True)
class Identity:
    """An account, not sealed yet. Who has given a password himself may be guessing it."""

    login: str
    domain: str
    password: str
    account: AccountFields
    is_proven: bool

    @property
    def aor(self) -> str:
        """The address of record (RFC 3261 §6), for people."""
        return f"{self.login}@{self.domain}"

    def sealed(self, seal: Seal, session_id: str) -> SipAccount:
        """Return the account as the bus may carry it."""
        return SipAccount(
            login=self.login,
            domain=self.domain,
            auth_name=self.account.auth_name,
            sealed_password=seal.seal(self.password, session_id) if self.password else "",
            outbound_proxy=self.account.outbound_proxy,
            port=self.account.port,
            transport=self.account.transport,
            register_required=self.account.register,
            display_name=self.account.display_name,
        )


class Authenticator:
    """Reads log-ins under one pod's settings."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._domain = settings.domain
        self._secret = settings.secret
        self._tokens = tokens
        self._accounts = Accounts(settings.accounts)

    async def identify(self, request: LoginRequest) -> Identity:
        """Return the account of a log-in, or raise `PageError`: 401, 403, or 503 while no token can be checked."""
        if request.sip is not None:
            sip = request.sip
            return Identity(sip.login, sip.domain or self._domain, sip.password, sip, is_proven=False)
        if request.jwt is None:
            raise bad_request("`login` takes either `sip` or `jwt`")
        return self._named_by(await self._tokens.verify(request.jwt))

    def _named_by(self, token: Verified) -> Identity:
        try:
            claim = msgspec.convert(token.claims.get("cordboard", {}), AccountClaim)
            user, _, domain = token.subject.removeprefix("sip:").partition("@")
            login = claim.login or msgspec.convert(user, Login)
            domain = claim.domain or domain or self._domain
            # The domain of `sub` is held to the same grammar as that of the claim.
            msgspec.convert({"domain": domain}, AccountClaim)
        except msgspec.ValidationError as error:
            raise refused("claims", 403, f"Token Names No Account: {error}") from error
        known = self._accounts.find(f"{login}@{domain}")
        if known is not None:
            account = msgspec.structs.replace(known, display_name=claim.display_name or known.display_name)
            return Identity(login, domain, known.password, account, is_proven=True)
        is_own = domain.lower() == self._domain.lower()
        password = account_password(self._secret, f"{login}@{domain}") if is_own else ""
        return Identity(login, domain, password, claim, is_proven=True)
