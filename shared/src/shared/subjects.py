"""Every NATS subject, in one place.

Commands go to one pod by its id, so that "no responders" means "that pod is gone". New work goes to a pod
that the presence table names. Events of a session go to whichever signaling pod holds its socket: it alone
subscribes to them.
"""


def heartbeat(kind: str, pod: str) -> str:
    """Where a pod of `kind` (signaling, agent, relay) says every 250 ms that it lives."""
    return f"hb.{kind}.{pod}"


def heartbeats(kind: str) -> str:
    """All heartbeats of one kind."""
    return f"hb.{kind}.*"


def agent_commands(agent: str) -> str:
    """Commands to one sip-agent, of signaling and of other agents."""
    return f"agent.{agent}.cmd"


def agent_events(agent: str) -> str:
    """What relays tell one sip-agent of the media of its calls; they may command nothing."""
    return f"agent.{agent}.evt"


def relay_commands(relay: str) -> str:
    """Commands to one media-relay."""
    return f"relay.{relay}.cmd"


def session_events(session_id: str) -> str:
    """Events for the browser of a session."""
    return f"session.{session_id}.evt"


def told(kind: str) -> str:
    """An event for other services, by its kind (`call.established`)."""
    return f"events.{kind}"
