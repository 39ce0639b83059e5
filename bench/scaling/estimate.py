"""`python -m bench.scaling.estimate`: a million users and 50,000 calls, multiplied out of what was measured.

The inputs are figures of docs/performance.md and docs/scaling.md, which has the outcome; a test holds them together.
"""

from dataclasses import dataclass

KIB_IN_MIB, KIB_IN_GIB, US = 1024, 1024 * 1024, 1e-6


@dataclass(frozen=True)
class Cost:
    """CPU of one of these, µs: of NATS and of the pod."""

    nats: float
    pod: float


@dataclass(frozen=True)
class Kind:
    """Pods as planned, and as deploy/k8s has them: what one takes, at how much one is added, the most of them."""

    planned: int
    each: int
    capacity: int
    added_at: int
    most: int


# Assumed.
USERS, CALLS, CALL_SECONDS, LOG_IN_SECONDS = 1_000_000, 50_000, 180, 8 * 3600
REFRESH_SECONDS = (0.5 + 0.8) / 2 * 300
# Measured: the bus.
HEARTBEAT, COMMAND = Cost(0.5, 7.0), Cost(6.4, 33.1)
WRITE_TO_THREE = Cost(70.4, 25.8)
LISTED, READ, OWNED, TURN = Cost(1.2, 1.3), Cost(37.4, 78.6), Cost(1.5, 0.4), Cost(0, 3.5)
CALLS_OF, READ_WITH_ALL = Cost(61.0, 30.6), Cost(7.7, 75.5)
RECORD_KIB, OWNED_KIB, SUBSCRIPTION_KIB = (0.5, 2.4), 0.4, 1.0
# Measured: the services.
PAGE_KIB, ACCOUNT_KIB, CALL_KIB, SESSION_KIB = 15, 8.2, 31, 6.6
REFRESH_US, CALLS_A_CPU_SECOND, LOG_INS_A_SECOND, CALLS_A_CORE = 737, 490, 1500, 1800
MESSAGES_A_CALL, QUALITY_SECONDS, HEARTBEATS, SWEEP_SECONDS, LEASE_SECONDS = 18, 5, 4, 150, 2

SIGNALING, AGENTS = Kind(50, 20_000, 20_000, 5_000, 20), Kind(50, 20_000, 2_000, 900, 20)
RELAYS = Kind(2 * CALLS // CALLS_A_CORE + 1, CALLS_A_CORE // 2, 500, 220, 50)  # half of what one was seen to carry
PODS, OTHERS = SIGNALING.planned + AGENTS.planned + RELAYS.planned, AGENTS.planned - 1

calls_a_second = CALLS / CALL_SECONDS
refreshes = USERS / REFRESH_SECONDS
log_ins = USERS / LOG_IN_SECONDS
quality = 2 * CALLS / QUALITY_SECONDS
writes_of_calls = calls_a_second * (4 + 2 / 2)
writes_of_log_ins = 6 * log_ins
leases = AGENTS.planned / LEASE_SECONDS
writes = writes_of_calls + refreshes / 100 + writes_of_log_ins + leases
server_kib = [2 * USERS * kib + USERS * OWNED_KIB for kib in RECORD_KIB]


def heard(times: int = 1) -> tuple[float, float]:
    """Return the heartbeats that are sent and delivered a second, with so many times the pods."""
    sent = HEARTBEATS * PODS * times
    return sent, sent * (SIGNALING.planned + AGENTS.planned) * times


def gib(kib: float) -> str:
    """Return memory in words."""
    return f"{kib / KIB_IN_GIB:.1f}"


def rows() -> list[tuple[str, str]]:
    """Return the table: of what, and how much."""
    pages = SIGNALING.each * PAGE_KIB / KIB_IN_MIB
    of_agent = (refreshes * REFRESH_US * US + calls_a_second / CALLS_A_CPU_SECOND) / AGENTS.planned
    memory = (AGENTS.each * ACCOUNT_KIB + CALLS / AGENTS.planned * CALL_KIB) / KIB_IN_MIB
    return [
        ("**signaling**: memory of the pages", f"{gib(USERS * PAGE_KIB)} GiB"),
        (
            "log-ins",
            f"{log_ins:.0f}/s; after the death of a pod {SIGNALING.each:,} at once, which the others have in"
            f" {SIGNALING.each / LOG_INS_A_SECOND / (SIGNALING.planned - 1):.1f} s, if the pages come at once",
        ),
        ("pods", f"**{SIGNALING.planned}** of {SIGNALING.each:,} pages and {pages:.0f} MiB"),
        ("**sip-agent**: memory of the accounts", f"{gib(USERS * ACCOUNT_KIB)} GiB"),
        ("refreshes, at 0.5 to 0.8 of their time", f"{refreshes:,.0f}/s: {refreshes * REFRESH_US * US:.1f} cores"),
        (
            "calls",
            f"{calls_a_second:.0f}/s: {calls_a_second / CALLS_A_CPU_SECOND:.1f} of a core; {gib(CALLS * CALL_KIB)} GiB",
        ),
        ("pods", f"**{AGENTS.planned}** of {AGENTS.each:,} accounts, {of_agent:.2f} of a core and {memory:.0f} MiB"),
        (
            f"**media-relay**: audio of {CALLS:,} calls",
            f"{CALLS / CALLS_A_CORE:.0f} cores full, {RELAYS.planned} as planned; {gib(CALLS * SESSION_KIB)} GiB",
        ),
        ("pods", f"**{RELAYS.planned}** of {RELAYS.each} calls"),
        ("**NATS**: messages of calls", f"{calls_a_second * MESSAGES_A_CALL:,.0f}/s"),
        ("the quality of calls", f"{quality:,.0f}/s"),
        ("heartbeats sent", f"{heard()[0]:,.0f}/s"),
        ("heartbeats delivered", f"{heard()[1]:,.0f}/s"),
        (
            "memory of each server",
            f"{gib(server_kib[0])} to {gib(server_kib[1])} GiB for two million records and a million entries of"
            f" `owned`, {gib(USERS * SUBSCRIPTION_KIB)} GiB for a million subscriptions",
        ),
        ("**KV**: writes of calls", f"{writes_of_calls:,.0f}/s"),
        ("writes of registrations", f"{refreshes / 100:.0f}/s"),
        ("writes of sessions, accounts and who owns them", f"{writes_of_log_ins:.0f}/s"),
        ("writes of leases", f"{leases:.0f}/s"),
    ]


def shipped() -> list[tuple[str, str]]:
    """Return what deploy/k8s is set for."""
    kinds = (
        ("signaling", SIGNALING, USERS, "pages"),
        ("sip-agent", AGENTS, USERS, "accounts"),
        ("media-relay", RELAYS, CALLS, "calls"),
    )
    return [
        (
            name,
            f"{kind.capacity:,} {what}: {-(-wanted // kind.capacity):,} pods; the autoscaler adds one at"
            f" {kind.added_at:,} and stops at {kind.most}, which is {kind.most * kind.capacity:,} {what}",
        )
        for name, kind, wanted, what in kinds
    ]


def breaks() -> list[tuple[str, str]]:
    """Return what costs most, by what it is of."""
    share = AGENTS.each / OTHERS
    asked = AGENTS.each * (OWNED.pod + TURN.pod) * US + share * READ.pod * US
    tenfold = heard(10)
    sweep = 2 * USERS * LISTED.pod * US
    changed = 2 * USERS / LOG_IN_SECONDS * SWEEP_SECONDS  # log-ins and log-outs
    return [
        ("a death: whose turn it is", f"{AGENTS.each * TURN.pod * US:.2f} s"),
        ("its share of the accounts", f"{share:.0f} records ({share * READ.pod * US:.2f} s)"),
        ("both, and the names", f"{asked:.1f} s of each agent"),
        (
            "the calls of its share",
            f"{share * CALLS_OF.pod * US:.2f} s of each agent, and {AGENTS.each * CALLS_OF.nats * US:.1f} s of NATS",
        ),
        ("the sweep: two million names", f"{sweep:.1f} s of its processor"),
        ("what has changed", f"{changed:,.0f} sessions, {changed * READ_WITH_ALL.pod * US:.1f} s"),
        ("both", f"{(sweep + changed * READ_WITH_ALL.pod * US) / SWEEP_SECONDS * 100:.0f} % of a pod"),
        ("a million sessions, read once", f"{USERS * READ_WITH_ALL.pod * US:.0f} s"),
        ("heartbeats", f"{heard()[1] * HEARTBEAT.nats * US:.2f} of a core"),
        ("of each agent", f"{heard()[0] * HEARTBEAT.pod * US * 100:.1f} % of one"),
        ("ten times the pods", f"{tenfold[1] * HEARTBEAT.nats * US:.1f} cores of NATS"),
        ("of each agent", f"{tenfold[0] * HEARTBEAT.pod * US * 100:.1f} % of a core in each agent"),
        ("quality, at half a command", f"{quality * COMMAND.nats / 2 * US:.2f} of a core of NATS"),
        ("of all pods", f"{quality * COMMAND.pod / 2 * US:.1f} cores of all"),
        ("KV writes", f"{writes:,.0f}/s: {writes * WRITE_TO_THREE.nats * US:.2f} of a core"),
    ]


def main() -> None:
    """Print it."""
    for title, part in (("", rows()), ("As shipped", shipped()), ("Where it breaks first", breaks())):
        print(f"\n{title}\n" if title else "", *(f"{name:<52} {value}\n" for name, value in part), sep="", end="")


if __name__ == "__main__":
    main()
