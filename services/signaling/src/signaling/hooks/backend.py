"""The operator's web server as one pod sees it: asked before a page gets its way, and told what happens.

A question has one try within a time limit; what counts where it gets no reply is the operator's to say. What is told
waits in an outbox of the pod, in order for each session, and is tried again; it dies with the pod.
"""

import asyncio
import random
import time

import httpx
import msgspec
import structlog

from shared.bus import DEADLINE
from shared.errors import LocalError, RemoteError
from shared.outbox import Batch, Outbox, Rules
from shared.tasks import Tasks

from .. import metrics
from ..core.hooks.breaker import Breaker, BreakerState
from ..core.hooks.posts import Outcome, Post, Reply, read_reply
from ..core.hooks.signature import HEADER, signature
from ..core.wcs.hooks import authorization
from ..settings import Settings

_log = structlog.get_logger(__name__)

RULES = Rules(most=10_000, at_once=16, tries=7, first_pause=0.5, longest_pause=15.0)
MAX_REPLY_BYTES = 65536
FAILURES_IN_A_ROW = 5
REST_SECONDS = 5.0
_SHORTEST_SECRET = 16
_NOTHING = Reply(Outcome.FAILED, {})

_encoder = msgspec.json.Encoder()


class Backend:
    """One for a pod. Without a URL there is none: whoever has the pod looks at `is_there` first."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.hooks_url.rstrip("/")
        self._secret = settings.hooks_secret
        self._md5_secret = settings.hooks_md5_secret
        self._seconds = settings.hooks_timeout_seconds
        self._refuses_without_reply = settings.hooks_on_failure == "refuse"
        self._unposted = frozenset(settings.hooks_skip)
        self._check()
        limits = httpx.Limits(max_connections=settings.hooks_connections, keepalive_expiry=30.0)
        # The limit on the whole post is ours: one on each part of it could be stretched by a byte now and then.
        is_secure = self.is_there and httpx.URL(self._url).scheme == "https"
        self._client = httpx.AsyncClient(timeout=None, limits=limits, verify=is_secure)  # else: no authorities to load
        self._breaker = Breaker(FAILURES_IN_A_ROW, REST_SECONDS)
        self._outbox: Outbox[Post] = Outbox(RULES, random.random)
        self._tasks = Tasks("backend")
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        metrics.HOOKS_WAITING.set_function(lambda: len(self._outbox))
        metrics.HOOKS_BROKEN.set_function(lambda: self._breaker.state is not BreakerState.CLOSED)

    def _check(self) -> None:
        if not self._url:
            return
        if httpx.URL(self._url).scheme not in ("http", "https"):
            raise LocalError(f"CORDBOARD_SIGNALING_HOOKS_URL: {self._url} is no address of a web server")
        for name, secret in (("SECRET", self._secret), ("MD5_SECRET", self._md5_secret)):
            if secret and len(secret) < _SHORTEST_SECRET:
                raise LocalError(f"CORDBOARD_SIGNALING_HOOKS_{name} has {_SHORTEST_SECRET} characters or more")
        if not (self._secret or self._md5_secret):
            _log.warning("hooks are not signed: whoever finds the web server can speak to it as we do")

    @property
    def is_there(self) -> bool:
        """Whether anybody is asked and told."""
        return bool(self._url)

    def _is_posted(self, post: Post) -> bool:
        return self.is_there and post.method not in self._unposted

    # -- questions

    async def permit(self, post: Post, within: float | None = None) -> Reply:
        """Ask, and return the reply.

        Raise `RemoteError` 403 if it refuses; 503 if there is none, unless the operator lets pages have their way then.
        """
        if not self._is_posted(post):
            return Reply(Outcome.ALLOWED, {})
        seconds = self._seconds if within is None else max(0.0, min(self._seconds, within))
        reply = await self._post(post, seconds)
        if reply.outcome is Outcome.REFUSED:
            raise RemoteError(403, "Refused By The Backend")
        if reply.outcome is not Outcome.ALLOWED and self._refuses_without_reply:
            raise RemoteError(503, "No Word From The Backend")
        return reply

    # -- what is told

    def tell(self, lane: str, post: Post) -> None:
        """Let something be told, after what was in the same lane; where too much waits it is dropped and counted."""
        if not self._is_posted(post):
            return
        if self._outbox.put(post, asyncio.get_running_loop().time(), lane):
            self._idle.clear()
            self._arm()
        else:
            metrics.HOOKS_TOLD.labels("dropped").inc()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._outbox.next_timer()
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._on_due)

    def _on_due(self) -> None:
        for batch in self._outbox.take(asyncio.get_running_loop().time()):
            self._tasks.spawn(self._deliver(batch), "deliver")
        self._arm()

    async def _deliver(self, batch: Batch[Post]) -> None:
        (post,) = batch.messages
        reply = _NOTHING
        try:
            reply = await self._post(post, self._seconds)
        finally:
            self._delivered(batch, reply.outcome)

    def _delivered(self, batch: Batch[Post], outcome: Outcome) -> None:
        now = asyncio.get_running_loop().time()
        if outcome in (Outcome.ALLOWED, Outcome.REFUSED):  # an event is not refused: it has arrived
            self._outbox.delivered(batch, now)
            result = "delivered"
        else:
            result = "retried" if self._outbox.failed(batch, now) else "given_up"
        metrics.HOOKS_TOLD.labels(result).inc()
        if not len(self._outbox):
            self._idle.set()
        self._arm()

    # -- both

    async def _post(self, post: Post, seconds: float) -> Reply:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if not self._breaker.permits(started):
            metrics.HOOKS.labels(post.method, Outcome.SKIPPED.value).observe(0.0)
            return Reply(Outcome.SKIPPED, {})
        reply = _NOTHING
        try:
            async with asyncio.timeout(seconds):
                reply = await self._exchange(post)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            _log.warning("backend has not replied", method=post.method, error=f"{type(error).__name__} {error}")
        finally:  # also where nobody waits any more: a trial must have an end
            if reply.outcome is Outcome.FAILED:
                self._breaker.failed(loop.time())
            else:
                self._breaker.succeeded()
            metrics.HOOKS.labels(post.method, reply.outcome.value).observe(loop.time() - started)
        return reply

    async def _exchange(self, post: Post) -> Reply:
        body = _encoder.encode(post.body)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers[HEADER] = signature(self._secret, body, int(time.time()))
        if self._md5_secret:
            headers["Authorization"] = authorization(self._md5_secret, body)
        async with self._client.stream("POST", f"{self._url}/{post.method}", content=body, headers=headers) as response:
            received = b""
            async for part in response.aiter_bytes():
                received += part
                if len(received) > MAX_REPLY_BYTES:
                    return _NOTHING
            return read_reply(response.status_code, received)

    async def aclose(self) -> None:
        """Let what waits be told, but not for long."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self._idle.wait()
        except TimeoutError:
            metrics.HOOKS_TOLD.labels("dropped").inc(len(self._outbox))
            _log.warning("hooks not told", count=len(self._outbox))
        await self._tasks.aclose()
        if self._timer is not None:
            self._timer.cancel()
        await self._client.aclose()
