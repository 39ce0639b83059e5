"""A whole Cordboard on this machine: a real NATS server and N of each service, as processes."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import nats.errors
import nats.js.errors
from prometheus_client.parser import text_string_to_metric_families

from shared.bus import Bus
from shared.settings import CommonSettings
from shared.store import Store, open_store

from .certificates import Authority
from .nats_users import OpenNats, open_or_secured
from .processes import START_SECONDS, Process, free_port_pairs, free_ports, start

DOMAIN = "cordboard.test"
USERS = {"alice": "alice-pw", "bob": "bob-pw", "carol": "carol-pw", "dave": "dave-pw"}
MEDIA_ADDRESS = "10.9.9.1"  # of scripts/in-netns: the one that Firefox, too, can reach
SECRET = "a secret of the tests alone"
SETTLE_SECONDS = 30.0  # most of it is the time that a page's session is kept; a loaded machine
TRANSACTION_SECONDS = 32.0  # 64*T1, RFC 3261 §17
RELAY_PORTS = 200
_MODULES = {"signaling": "signaling", "agent": "sip_agent", "relay": "media_relay"}

# Gauges that do not return to where they were when a call is over: a counter that another object holds; transactions,
# which live for 64*T1 = 32 s after their end to absorb retransmissions (RFC 3261 §17); connections, kept for later use;
# the share of a core that a relay uses; how long a heartbeat was on its way.
_NOT_SETTLING = (
    "cordboard_sip_agent_sip_retransmissions",
    "cordboard_sip_agent_sip_transactions",
    "cordboard_sip_agent_connections",
    "cordboard_media_relay_busiest_thread_ratio",
    "cordboard_clock_difference_seconds",
)


@dataclass
class Pod:
    """One process of one service."""

    kind: str
    name: str
    ops_port: int
    port: int  # HTTP of signaling, SIP of an agent, the browsers' UDP port of a relay
    process: Process
    environment: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False

    async def metrics(self, kind: str = "") -> dict[str, float]:
        """Return the samples, of one type of metric if `kind` is given, by name and labels: `name,label=value`."""
        async with httpx.AsyncClient(verify=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ops_port}/metrics")).text
        families = (one for one in text_string_to_metric_families(text) if kind in ("", one.type))
        samples = (sample for family in families for sample in family.samples)
        return {
            sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
            for sample in samples
        }

    async def wait_until_ready(self) -> None:
        """Return once the pod takes work."""
        try:
            async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(verify=False) as client:
                while not await self._is_ready(client):
                    self.process.check_alive()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.name} is not ready\n{self.process.tail()}") from None

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"http://127.0.0.1:{self.ops_port}/readyz")).is_success
        except httpx.TransportError:
            return False

    async def stop(self) -> None:
        """Ask the process to end, and fail where it does not end well."""
        if self.stopped:
            return
        self.stopped = True
        status = await self.process.stop()
        assert status == 0, f"{self.name} ended with status {status}\n{self.process.tail()}"

    async def start_anew(self) -> None:
        """Run again after a death, under the same name and at the same ports."""
        self.process = await _start(self.kind, self.name, self.environment)
        self.stopped = False
        await self.wait_until_ready()

    async def kill(self) -> None:
        """Let the process die on the spot, as by kill -9."""
        self.stopped = True
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@dataclass
class Cordboard:
    """A running cluster."""

    nats: OpenNats
    bus: Bus
    store: Store
    users: Mapping[str, str]
    domain: str = DOMAIN
    signaling: list[Pod] = field(default_factory=list)
    agents: list[Pod] = field(default_factory=list)
    relays: list[Pod] = field(default_factory=list)
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of each kind of pod
    relay_ports: int = RELAY_PORTS  # of each relay, for SIP

    async def start_relay(self) -> Pod:
        """Start one more."""
        return await self.start_one_more("relay")

    async def start_one_more(self, kind: str) -> Pod:
        """Start another pod of that kind, under a name and at ports of its own."""
        pods = {"signaling": self.signaling, "agent": self.agents, "relay": self.relays}[kind]
        await _add(pods, kind, len(pods), self.environment[kind], self.relay_ports)
        return pods[-1]

    async def add_agent(self, **settings: str) -> Pod:
        """Start one more agent; `settings` are further variables, without their prefix."""
        env = {**self.environment["agent"], **{f"CORDBOARD_{name}": value for name, value in settings.items()}}
        await _add(self.agents, "agent", len(self.agents), env)
        return self.agents[-1]

    @property
    def nats_url(self) -> str:
        """What connects to NATS."""
        return self.nats.url

    @property
    def pods(self) -> list[Pod]:
        """All pods that were not stopped."""
        return [pod for pod in (*self.signaling, *self.agents, *self.relays) if not pod.stopped]

    def page_url(self, pod: int = 0) -> str:
        """Where a signaling pod serves the phone page."""
        return f"http://127.0.0.1:{self.signaling[pod].port}/"

    def websocket_url(self, pod: int = 0) -> str:
        """Where a signaling pod takes WebSockets."""
        return f"ws://127.0.0.1:{self.signaling[pod].port}/ws"

    async def subscriptions(self) -> dict[str, int]:
        """Return how many subscriptions each pod holds at the NATS server."""
        async with httpx.AsyncClient(verify=False) as client:
            replies = [await client.get(f"http://127.0.0.1:{port}/connz") for port in self.nats.monitors]
        pods = {pod.name for pod in self.pods}
        connections = [one for reply in replies for one in reply.json()["connections"]]
        return {one["name"]: one["subscriptions"] for one in connections if one.get("name") in pods}

    async def state(self) -> dict[str, object]:
        """Return what a call uses and must give back: KV records, subscriptions, ports, sessions, tasks."""
        store = self.store
        state: dict[str, object] = {
            "kv calls": len(await store.calls.names()),
            "kv sessions": len(await store.sessions.names()),
            "kv accounts": len(await store.accounts.names()),
            "kv locations": len(await store.locations.names()),
        }
        state |= {f"{pod} subscriptions": count for pod, count in (await self.subscriptions()).items()}
        for pod in self.pods:
            gauges = await pod.metrics("gauge")
            state |= {
                f"{pod.name} {name}": value
                for name, value in gauges.items()
                if name.startswith("cordboard_") and not name.startswith(_NOT_SETTLING)
            }
        return {name: value for name, value in state.items() if value}

    async def resting_state(self) -> dict[str, object]:
        """Return `state()` once nothing changes it: a log-in, say, is over some moments after the page is told."""
        last, now = await self.state(), await self.state()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while last != now:
                    await asyncio.sleep(0.1)
                    last, now = now, await self.state()
        except TimeoutError:
            raise AssertionError(f"never at rest (before, now): {_difference(last, now)}\n{self.tails()}") from None
        return now

    async def wait_until_settled(self, before: Mapping[str, object], within: float = SETTLE_SECONDS) -> None:
        """Return once `state()` is what it was; fail with what was not given back."""
        differs: dict[str, object] = {}
        try:
            async with asyncio.timeout(within):
                while differs := _difference(before, await self.state()):  # noqa: ASYNC110 - figures are asked for
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not given back in {within} s (before, now): {differs}\n{self.tails()}") from None

    async def transactions(self) -> float:
        """Return how many SIP transactions live, in all agents."""
        samples = [await pod.metrics("gauge") for pod in self.agents if not pod.stopped]
        return sum(sample["cordboard_sip_agent_sip_transactions"] for sample in samples)

    async def wait_until_no_transactions(self) -> None:
        """Return once the last SIP transaction has ended."""
        async with asyncio.timeout(TRANSACTION_SECONDS + SETTLE_SECONDS):
            while await self.transactions() > 0:  # noqa: ASYNC110 - figures are asked for
                await asyncio.sleep(0.2)

    def tails(self) -> str:
        """The end of every pod's log."""
        return "\n".join(pod.process.tail() for pod in self.pods)


def _difference(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    names = sorted({*before, *now})
    return {name: (before.get(name, 0), now.get(name, 0)) for name in names if before.get(name, 0) != now.get(name, 0)}


async def _store(bus: Bus, replicas: int) -> Store:
    """Open the buckets; servers that have only just found each other may keep the first who asks waiting too long."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                return await open_store(bus, replicas)
            except (nats.errors.Error, nats.js.errors.Error):
                await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def cordboard(
    *,
    signaling: int = 1,
    agents: int = 1,
    relays: int = 1,
    users: Mapping[str, str] = USERS,
    authority: Authority | None = None,
    nats: OpenNats | None = None,
    relay_ports: int = RELAY_PORTS,
    **settings: str,
) -> AsyncIterator[Cordboard]:
    """Run a cluster while the block runs; at its end every pod must end well on SIGTERM.

    `settings` are further variables, without their prefix: `AGENT_RING_SECONDS="2"`. With an `authority`, which signs
    its certificate, NATS is as it is to be deployed: TLS, and a user for each service. `nats` is one that runs already.
    """
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordboard-")))
        nats = nats or await stack.enter_async_context(open_or_secured(authority))
        bus = await Bus.connect(CommonSettings(pod="tests", **nats.settings("agent")))  # who may see all records
        stack.push_async_callback(bus.aclose)
        cluster = Cordboard(nats, bus, await _store(bus, int(settings.get("KV_REPLICAS", "1"))), dict(users))
        cluster.relay_ports = relay_ports
        stack.push_async_callback(_end_all, cluster)
        common = _common(folder, users)
        # Calls that a test leaves behind have nowhere to go.
        common["CORDBOARD_AGENT_DRAIN_SECONDS"] = "20" if agents > 1 else "0"
        common["CORDBOARD_RELAY_DRAIN_SECONDS"] = "20" if relays > 1 else "0"
        common |= {f"CORDBOARD_{name}": value for name, value in settings.items()}

        cluster.environment = {kind: common | nats.environment(kind) for kind in _MODULES}

        async def add(pods: list[Pod], kind: str, count: int) -> None:
            env = cluster.environment[kind]
            await asyncio.gather(*(_add(pods, kind, number, env, relay_ports) for number in range(count)))

        await asyncio.gather(
            add(cluster.agents, "agent", agents),
            add(cluster.relays, "relay", relays),
            add(cluster.signaling, "signaling", signaling),
        )
        yield cluster
        await asyncio.gather(*(pod.stop() for pod in cluster.signaling))  # first, as it asks the others
        await asyncio.gather(*(pod.stop() for pod in (*cluster.agents, *cluster.relays)))


async def _end_all(cluster: Cordboard) -> None:
    """End what still runs after a failure, whose report must not be hidden by what the pods say to it."""
    for pod in cluster.pods:
        await pod.process.stop()


def _common(folder: Path, users: Mapping[str, str]) -> dict[str, str]:
    accounts = folder / "users.toml"
    accounts.write_text("[users]\n" + "".join(f'{user} = "{password}"\n' for user, password in users.items()))
    return {
        "CORDBOARD_DOMAIN": DOMAIN,
        "CORDBOARD_SECRET": SECRET,
        "CORDBOARD_LOG_LEVEL": os.environ.get("CORDBOARD_LOG_LEVEL", "info"),
        "CORDBOARD_AGENT_USERS": str(accounts),
        "CORDBOARD_SIGNALING_HOST": "127.0.0.1",
        "CORDBOARD_AGENT_SIP_HOST": "127.0.0.1",
        "CORDBOARD_AGENT_ADVERTISED_HOST": "127.0.0.1",
        "CORDBOARD_AGENT_ALLOWED_DESTINATIONS": "127.0.0.0/8:1-65535",
        "CORDBOARD_RELAY_BROWSER_HOST": MEDIA_ADDRESS,
        "CORDBOARD_RELAY_ADDRESSES": MEDIA_ADDRESS,
        "CORDBOARD_RELAY_SIP_ADDRESS": "127.0.0.1",
        "CORDBOARD_RELAY_QUARANTINE_SECONDS": "0.2",
    }


@contextlib.asynccontextmanager
async def one_of_each(nats_url: str, **settings: str) -> AsyncIterator[list[Pod]]:
    """Run a pod of each kind while the block runs; whether they get ready is for the block to see."""
    async with contextlib.AsyncExitStack() as stack:
        common = _common(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordboard-"))), USERS)
        common |= {"CORDBOARD_AGENT_DRAIN_SECONDS": "0", "CORDBOARD_RELAY_DRAIN_SECONDS": "0"}
        common |= {f"CORDBOARD_{name}": value for name, value in {"NATS_URL": nats_url, **settings}.items()}
        pods = [await _launch(kind, 0, common) for kind in _MODULES]
        for pod in pods:
            stack.push_async_callback(pod.process.stop)
        yield pods


async def _add(
    pods: list[Pod], kind: str, number: int, common: Mapping[str, str], relay_ports: int = RELAY_PORTS
) -> None:
    pod = await _launch(kind, number, common, relay_ports)
    pods.append(pod)
    await pod.wait_until_ready()


async def _launch(kind: str, number: int, common: Mapping[str, str], relay_ports: int = RELAY_PORTS) -> Pod:
    name, ops_port, port = f"{kind}-{number + 1}", free_ports(), free_ports()
    rtp = free_port_pairs(relay_ports // 2)
    own = {
        "signaling": {"CORDBOARD_SIGNALING_PORT": port},
        "agent": {"CORDBOARD_AGENT_SIP_PORT": port},
        "relay": {
            "CORDBOARD_RELAY_BROWSER_PORT": port,
            "CORDBOARD_RELAY_RTP_MIN": rtp,
            "CORDBOARD_RELAY_RTP_MAX": rtp + relay_ports - 1,
        },
    }[kind]
    env = {**common, "CORDBOARD_POD": name, "CORDBOARD_OPS_PORT": str(ops_port)}
    env |= {variable: str(value) for variable, value in own.items()}
    return Pod(kind, name, ops_port, port, await _start(kind, name, env), env)


async def _start(kind: str, name: str, env: Mapping[str, str]) -> Process:
    return await start(name, (sys.executable, "-m", _MODULES[kind]), env=env)
