"""Metrics of signaling. Labels have few values: types of the protocol, SIP status codes, words of ours."""

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import SETUP_BUCKETS, from_zero

from .core.outputs import Dropped, Ended, Fact, Reached, Received

WEBSOCKETS = Gauge("cordboard_signaling_websocket_connections", "Open WebSockets.")
CAPACITY = Gauge("cordboard_signaling_websocket_capacity", "WebSockets that are taken.")
UNAUTHENTICATED = Gauge("cordboard_signaling_websocket_unauthenticated", "Open WebSockets that have not logged in.")
SESSIONS = Gauge("cordboard_signaling_sessions", "Sessions whose socket is here.")
REJECTED = Counter("cordboard_signaling_websocket_rejects_total", "Handshakes refused.", ("reason",))
CLOSED = Counter("cordboard_signaling_websocket_closes_total", "WebSockets that this pod closed.", ("code",))
LIMITED = Counter("cordboard_signaling_websocket_limits_total", "WebSockets cut for saying too much.", ("limit",))
HALF_OPEN_CUT = Counter("cordboard_signaling_half_open_cut_total", "Silent connections cut, by why.", ("reason",))
SLOW_READERS = Counter("cordboard_signaling_slow_readers_total", "WebSockets cut because nobody read them.")

MESSAGES = Counter("cordboard_signaling_ws_messages_total", "Frames by direction and type.", ("direction", "type"))
ERRORS = Counter("cordboard_signaling_ws_errors_total", "Requests that got an error.", ("status",))
DROPPED = Counter("cordboard_signaling_events_dropped_total", "Bus events with no place in their call.", ("type",))

LOGINS = Counter("cordboard_signaling_logins_total", "Log-ins.", ("result",))
WRONG_PASSWORDS = Counter("cordboard_signaling_wrong_passwords_total", "Log-ins whose registrar said so.")
RESUMES = Counter("cordboard_signaling_resumes_total", "Sessions taken over by a new socket.", ("result",))
AUTH_FAILURES = Counter("cordboard_signaling_auth_failures_total", "Tokens that were refused.", ("reason",))
KEY_FETCHES = Counter("cordboard_signaling_key_fetches_total", "Key sets asked of the issuer of tokens.", ("result",))
SWEPT = Counter("cordboard_signaling_sessions_swept_total", "Sessions forgotten after the grace time.")

REST = Counter("cordboard_signaling_rest_requests_total", "Requests of other services.", ("method", "route", "status"))

CALLS = Counter("cordboard_signaling_calls_total", "Calls that were begun.", ("direction", "result"))
CALLS_ENDED = Counter("cordboard_signaling_calls_ended_total", "Calls that a page was told the end of.", ("status",))
CALL_STAGE = Histogram(
    "cordboard_signaling_call_stage_seconds",
    "From the page's request, or the agent's, to each stage of the call.",
    ("stage",),
    buckets=SETUP_BUCKETS,
)
MEDIA_RETRIES = Counter("cordboard_signaling_media_retries_total", "Relays that did not take a call.", ("reason",))

HOOKS = Histogram(
    "cordboard_signaling_hook_seconds",
    "Posts to the operator's web server, by what came of them.",
    ("method", "outcome"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
HOOKS_TOLD = Counter("cordboard_signaling_hook_events_total", "What the web server is only told.", ("result",))
HOOKS_WAITING = Gauge("cordboard_signaling_hook_events_waiting", "What the web server has not been told yet.")
HOOKS_BROKEN = Gauge("cordboard_signaling_hook_circuit_open", "1 while the web server is left alone.")

from_zero(REJECTED, "origin", "at capacity", "draining")
from_zero(CLOSED, "1008")
from_zero(LIMITED, "frame", "frames", "bytes", "pongs")
from_zero(HALF_OPEN_CUT, "silent", "crowded out")
from_zero(ERRORS, "500", "503")
from_zero(LOGINS, "ok")
from_zero(RESUMES, "ok")
from_zero(AUTH_FAILURES, "expired", "signature", "key")
from_zero(KEY_FETCHES, "ok", "failed")
from_zero(MEDIA_RETRIES, "gone", "silent", "refused")
from_zero(HOOKS_TOLD, "delivered", "retried", "given_up", "dropped")


def count(fact: Fact) -> None:
    """Count what the core reports."""
    match fact:
        case Received():
            MESSAGES.labels("in", fact.type).inc()
        case Reached():
            CALL_STAGE.labels(fact.stage).observe(fact.seconds)
        case Ended():
            CALLS_ENDED.labels(str(fact.status)).inc()
        case Dropped():
            DROPPED.labels(fact.type).inc()
