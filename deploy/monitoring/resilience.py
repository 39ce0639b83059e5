"""The dashboard of what goes on when a pod goes: who leaves, who has died, who has what it had."""

from .panels import Dashboard, Panel, Query
from .queries import RATE, gauge, rates, several, slow

_DROPPED = f'sum(rate(cordboard_sip_agent_calls_total{{result="dropped"}}{RATE})) or vector(0)'

RESILIENCE = Dashboard(
    "cordboard-resilience",
    "Cordboard: resilience",
    "Pods leave and die: does what they had go on at others, and what does not?",
    (
        gauge("Pods that leave", "sum by (service) (cordboard_draining)", by="service"),
        rates("Agents found dead", "sip_agent_agents_died_total", "proof", "cps", "Each is counted by its heir."),
        gauge("Agents that may act", "cordboard_sip_agent_lease_held", most=1),
        rates("Renewals of leases", "sip_agent_lease_renewals_total", "result"),
        rates("Accounts of the dead", "sip_agent_accounts_taken_over_total", unit="cps"),
        rates("Accounts of those that leave", "sip_agent_accounts_moved_total", "result", "cps"),
        rates("Calls taken over", "sip_agent_calls_taken_over_total", "way", "cps", "`lost`: without its record."),
        rates("Calls moved to another relay", "sip_agent_media_moves_total", "result", "cps"),
        Panel("Calls that ended though nobody hung up", (Query(_DROPPED, "calls"),), "cps"),
        rates("Sockets that came back", "signaling_resumes_total", "result"),
        rates("Sessions whose page did not return", "signaling_sessions_swept_total", unit="cps"),
        gauge("NATS is there", "min by (service) (cordboard_nats_connected)", by="service", most=1),
        rates("NATS came back", "nats_reconnects_total", "service"),
        slow("Requests on the bus", "bus_request_duration_seconds", "result", share=0.99),
        rates("Messages on the bus", "bus_messages_total", "result"),
        several("Writes that another one came before", "reqps", conflicts="kv_cas_conflicts_total"),
    ),
)
