"""The dashboards: `make dashboards` writes them to `grafana/dashboards`, and the alert rules for Prometheus's Operator.

`make dashboards RUNBOOKS=<address of docs/operations.md>` makes alerts point there. `tests/e2e/test_dashboards.py` asks
every query of a live Prometheus.
"""

import json
import re
import sys
import textwrap
from pathlib import Path

from .panels import Dashboard
from .quality import QUALITY
from .queries import RATE, gauge, percentiles, process, quantile, rates, several, slow, stat
from .resilience import RESILIENCE

HERE = Path(__file__).parent
FOLDER = HERE / "grafana" / "dashboards"
ALERTS, ALERT_TESTS, OPERATOR_RULES = HERE / "alerts.yml", HERE / "alerts.test.yml", HERE / "k8s" / "rules.yaml"

_ENDED = f"sum(rate(cordboard_sip_agent_calls_total{RATE}))"
_ANSWERED = f'sum(rate(cordboard_sip_agent_calls_total{{result="answered"}}{RATE})) / ({_ENDED} > 0) or vector(0)'
_USED, _ROOM = "cordboard_media_relay_sessions_active", "cordboard_media_relay_session_capacity"

OVERVIEW = Dashboard(
    "cordboard-overview",
    "Cordboard: overview",
    "Do people get through, how long does it take, how does it sound, and how do calls end?",
    (
        stat("Calls", "sum(cordboard_sip_agent_calls_active)"),
        stat("Pages logged in", "sum(cordboard_signaling_sessions)"),
        stat("Registered", 'sum(cordboard_sip_agent_registrations{state="registered"}) or vector(0)'),
        stat("Answered, of those ended", _ANSWERED, "percentunit", most=1),
        stat("Relays' room in use", f"sum({_USED}) / sum({_ROOM})", "percentunit", most=1),
        stat("MOS, median", quantile(0.5, "media_relay_mos"), most=5),
        gauge("Calls", "sum by (direction) (cordboard_sip_agent_calls_active)", by="direction"),
        rates("Ends, by result", "sip_agent_calls_total", "result", "cps"),
        rates("Ends, as pages are told", "signaling_calls_ended_total", "status", "cps"),
        percentiles("From INVITE to ringing", "sip_agent_call_setup_seconds", '{stage="ringing"}'),
        percentiles("From INVITE to the answer", "sip_agent_call_setup_seconds", '{stage="established"}'),
        percentiles("From the answer to keys", "media_relay_setup_duration_seconds", '{stage="connect"}'),
        rates("Calls refused by a cap", "sip_agent_calls_capped_total", "cap", "cps"),
        rates("One side not heard any more", "media_relay_one_way_audio_total", "side", "cps"),
        rates("Events for other services", "events_total", "result"),
        gauge("Events that are not stored yet", "cordboard_events_waiting"),
        slow("Lag of the event loops", "event_loop_lag_seconds", "service", share=0.99),
    ),
)

SIGNALING = Dashboard(
    "cordboard-signaling",
    "Cordboard: signaling",
    "Sockets of pages, log-ins, requests.",
    (
        gauge("WebSockets", "cordboard_signaling_websocket_connections"),
        gauge("Sockets without a log-in", "cordboard_signaling_websocket_unauthenticated"),
        gauge("Sessions", "cordboard_signaling_sessions"),
        rates("Log-ins", "signaling_logins_total", "result"),
        rates("Resumed sessions", "signaling_resumes_total", "result"),
        rates("Refused tokens", "signaling_auth_failures_total", "reason"),
        rates("Frames", "signaling_ws_messages_total", "direction, type"),
        rates("Requests that got an error", "signaling_ws_errors_total", "status"),
        rates("Handshakes refused", "signaling_websocket_rejects_total", "reason"),
        rates("Sockets that we closed", "signaling_websocket_closes_total", "code"),
        rates("Sockets that nobody read", "signaling_slow_readers_total"),
        rates("Sockets that said too much", "signaling_websocket_limits_total", "limit"),
        rates("Silent connections cut", "signaling_half_open_cut_total", "reason"),
        rates("Wrong passwords", "signaling_wrong_passwords_total"),
        rates("Key sets fetched", "signaling_key_fetches_total", "result"),
        rates("Calls begun", "signaling_calls_total", "direction, result", "cps"),
        slow("Stages of a call", "signaling_call_stage_seconds", "stage"),
        rates("Relays that did not take a call", "signaling_media_retries_total", "reason", "cps"),
        rates("Sessions whose page did not return", "signaling_sessions_swept_total"),
        rates("Requests of other services", "signaling_rest_requests_total", "method, status"),
        rates("Hooks posted", "signaling_hook_seconds_count", "method, outcome"),
        slow("Hooks", "signaling_hook_seconds", "method"),
        rates("Events told by hooks", "signaling_hook_events_total", "result"),
        gauge("Events that hooks have not told", "cordboard_signaling_hook_events_waiting"),
        gauge("Web server left alone", "cordboard_signaling_hook_circuit_open", most=1),
        *process("signaling"),
    ),
)

SIP_AGENT = Dashboard(
    "cordboard-sip-agent",
    "Cordboard: sip-agent",
    "Accounts, calls, the SIP stack.",
    (
        gauge("Calls", "sum by (pod) (cordboard_sip_agent_calls_active)"),
        rates("Calls that ended", "sip_agent_calls_total", "direction, code_class", "cps"),
        gauge("Accounts", "sum by (state) (cordboard_sip_agent_registrations)", by="state"),
        rates("SIP requests", "sip_agent_sip_requests_total", "direction, method"),
        rates("SIP responses", "sip_agent_sip_responses_total", "direction, code_class"),
        several(
            "Lost on the way",
            "reqps",
            sent_again="sip_agent_sip_retransmissions_total",
            came_again="sip_agent_sip_repeated_requests_total",
            without_a_final_response="sip_agent_sip_timeouts_total",
        ),
        several(
            "Not understood, or too much",
            "reqps",
            malformed="sip_agent_sip_malformed_total",
            stray="sip_agent_sip_stray_responses_total",
            dropped="sip_agent_sip_dropped_requests_total",
        ),
        gauge("Transactions", "cordboard_sip_agent_sip_transactions"),
        slow("Stages of a call", "sip_agent_call_setup_seconds", "direction, stage"),
        rates("Digests judged", "sip_agent_authentications_total", "result"),
        rates("Refused destinations", "sip_agent_destinations_refused_total", "reason"),
        rates("Served for the built-in domain", "sip_agent_proxied_total", "method, result"),
        gauge("Lease held", "cordboard_sip_agent_lease_held", most=1),
        rates("Accounts given to another agent", "sip_agent_accounts_moved_total", "result"),
        rates("Calls taken over from the dead", "sip_agent_calls_taken_over_total", "way", "cps"),
        rates("Calls moved to another relay", "sip_agent_media_moves_total", "result", "cps"),
        gauge("Connections", "sum by (transport) (cordboard_sip_agent_connections) or vector(0)", by="transport"),
        rates("Instant messages", "sip_agent_messages_total", "direction, code_class"),
        *process("sip-agent"),
    ),
)

MEDIA_RELAY = Dashboard(
    "cordboard-media-relay",
    "Cordboard: media-relay",
    "Room, packets, what was dropped and why.",
    (
        gauge("Sessions", "cordboard_media_relay_sessions_active"),
        gauge("Room in use", f"{_USED} / {_ROOM}", "percentunit", most=1),
        gauge("Port pairs free", "cordboard_media_relay_ports_free"),
        gauge("Port pairs in quarantine", "cordboard_media_relay_ports_quarantined"),
        rates("Packets", "media_relay_packets_total", "direction, kind", "pps"),
        rates("Bytes", "media_relay_bytes_total", "direction, kind", "Bps"),
        rates("Dropped", "media_relay_drops_total", "reason", "pps", "What came and was not passed on, by the rule."),
        rates("Repairs", "media_relay_repairs_total", "what", "pps"),
        rates("DTLS handshakes", "media_relay_dtls_handshakes_total"),
        rates("Browsers lost", "media_relay_browsers_lost_total", "reason"),
        rates("Sessions that no agent wanted", "media_relay_sessions_expired_total"),
        rates("Sounds played", "media_relay_sounds_total", "outcome", "cps"),
        gauge("Busiest thread, of a core", "cordboard_media_relay_busiest_thread_ratio", "percentunit", most=1),
        gauge("Packets moved by native code", "cordboard_media_relay_native", most=1),
        slow("Set-up", "media_relay_setup_duration_seconds", "stage"),
        *process("media-relay", asks=False),
    ),
)

DASHBOARDS = (OVERVIEW, SIGNALING, SIP_AGENT, MEDIA_RELAY, QUALITY, RESILIENCE)


def written(dashboard: Dashboard) -> str:
    """Return what stands in its file."""
    return json.dumps(dashboard.model(), indent=1) + "\n"


def operator_rules() -> str:
    """Return `alerts.yml` as the resource that the Prometheus Operator reads."""
    head = "# Made of alerts.yml by `make dashboards`.\n"
    kind = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: { name: cordboard }\nspec:\n"
    rules = ALERTS.read_text().partition("\ngroups:\n")[2]
    return f"{head}{kind}  groups:\n{textwrap.indent(rules, '  ')}"


def pointing_to(rules: str, runbooks: str) -> str:
    """Return alert rules, or their tests, with another address of the run-books."""
    return re.sub(r"(?<=\brunbook_url: )[^\s#]+(?=#)", lambda _: runbooks, rules)


def main(*runbooks: str) -> None:
    """Write the files."""
    for address in runbooks:
        for path in (ALERTS, ALERT_TESTS):
            path.write_text(pointing_to(path.read_text(), address))
    OPERATOR_RULES.write_text(operator_rules())
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(written(dashboard))


if __name__ == "__main__":
    main(*sys.argv[1:])
