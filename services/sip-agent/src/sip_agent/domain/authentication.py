"""Who asks something of the built-in domain: challenges, judges answers, and slows those who guess."""

import structlog

from shared.errors import RemoteError
from shared.login_throttle import FREE, LoginThrottle, Proven
from sip_agent import metrics
from sip_agent.core.auth.digest import hash_password
from sip_agent.core.auth.digest_server import Answer, DigestServer, Ok, Stale, Verdict, Wrong
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.policy.address import source_of
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.domain.users import Users
from sip_agent.services import Services, token, wall_clock

_log = structlog.get_logger(__name__)

# A household or an office behind one address may mistype more than one phone.
FREE_OF_SOURCE = 10 * FREE


class Authentication:
    """For one realm. Of our own address, from which all accounts of this agent come, only users are slowed."""

    def __init__(self, services: Services, users: Users, digest: DigestServer) -> None:
        self._services = services
        self._users = users
        self._digest = digest
        self._users_failed = LoginThrottle()
        self._sources_failed = LoginThrottle(FREE_OF_SOURCE)
        self._proven = Proven()

    def is_proven(self, transaction: TransactionId, request: Request, flow: Flow, name: str, proxy: bool) -> bool:
        """Whether the request carries credentials of `name`; if not, it has been challenged."""
        answer = self._digest.read(request.headers.get_all("Proxy-Authorization" if proxy else "Authorization"))
        verdict = Wrong() if answer is None else self._judge(answer, request, source_of(flow.host))
        if isinstance(verdict, Ok):
            if verdict.username != name:
                raise RemoteError(403, "Not Your Address")
            return True
        status, field = (407, "Proxy-Authenticate") if proxy else (401, "WWW-Authenticate")
        challenges = self._digest.challenge(wall_clock(), stale=isinstance(verdict, Stale))
        response = make_response(request, status, None, token(), [(field, value) for value in challenges])
        self._services.endpoint.respond(transaction, response)
        return False

    def _judge(self, answer: Answer, request: Request, source: str) -> Verdict:
        now = wall_clock()
        who = source, answer.username
        is_slowed = self._users_failed.must_wait(who, now) or self._sources_failed.must_wait(source, now)
        # Who is logged in stays so while another one guesses: known by the nonce or, as all sessions of an agent come
        # from one address, by the Contact.
        contact = request.headers.get("Contact")
        client = *who, contact
        if is_slowed and client not in self._proven and not self._digest.is_known(answer):
            metrics.AUTHENTICATIONS.labels("slowed").inc()
            raise RemoteError(403, "Too Many Failures")
        verdict = self._digest.check(answer, request.method, request.parsed_uri, self._hashes, now)
        metrics.AUTHENTICATIONS.labels(type(verdict).__name__.lower()).inc()
        if isinstance(verdict, Wrong):
            _log.info("wrong answer to a challenge", source=source, user=answer.username)
            self._users_failed.failed(who, now)
            if source != self._services.listener.host:
                self._sources_failed.failed(source, now)
        else:
            self._users_failed.succeeded(who)
            if contact is not None:
                self._proven.add(client)
        return verdict

    def _hashes(self, name: str, algorithm: str) -> list[str]:
        if not name.isascii():  # no user of a SIP URI is (RFC 3261 §25.1)
            return []
        return [hash_password(name, self._digest.realm, one, algorithm) for one in self._users.passwords(name)]
