"""All settings of sip-agent: `CORDBOARD_AGENT_<FIELD>` in the environment."""

from typing import Literal

from shared.settings import StreamSettings


class Settings(StreamSettings, frozen=True, kw_only=True):
    """Defaults suit one machine; `secret` has none, for every cluster must have its own."""

    sip_host: str = "0.0.0.0"  # "::": IPv6 and IPv4
    sip_port: int = 5060  # 0: any free one, told in the log and in heartbeats
    # TLS is listened to only where there is a certificate; without one it is for connections that we open.
    sip_tls_port: int = 5061
    sip_tls_certificate: str = ""  # PEM files
    sip_tls_key: str = ""  # empty: in the certificate's file
    sip_tls_ca: str = ""  # believed in place of the system's authorities
    sip_tls_client_ca: str = ""  # whoever connects must show a certificate of it
    # Of TCP, and as many of TLS: beyond these the one unused longest is closed for a new one.
    max_connections: int = 4096
    max_connections_of_address: int = 512  # an office behind one address, but not a whole agent
    # To a registrar behind a NAT, over UDP; 0: none. Connections are kept alive in any case (RFC 5626 §4.4.1).
    udp_keep_alive_seconds: float = 25.0
    advertised_host: str = ""  # in Contact and Via; empty: the source address of the default route
    users: str = ""  # TOML file with [users] name = "password", for phones of the built-in domain
    dns_servers: tuple[str, ...] = ()  # address:port, asked for every name; empty: the system is
    secret: str = ""  # the cluster's (CORDBOARD_SECRET), 16 characters or more
    second_secret: str = ""  # CORDBOARD_SECOND_SECRET: what it sealed opens too, while the cluster's is changed
    capacity: int = 2000  # accounts
    ring_seconds: float = 180.0
    session_expires: int = 1800  # the session interval asked for (RFC 4028); 0: only if the far side asks
    min_session_expires: int = 90  # the shortest that is accepted
    grace_seconds: float = 30.0  # for sessions whose signaling pod died without a word
    media_grace_seconds: float = 10.0  # for a browser whose connection is lost in a call; 0: the call ends at once
    hold_music: str = ""  # the name of a sound that the relays have, played to whoever is held; empty: silence
    register_expires: int = 300
    drain_seconds: float = 60.0  # on SIGTERM, for the calls that there are; accounts without one move at once
    follow_redirects: bool = True  # outgoing calls go where a 3xx sends them, as far as destinations allow
    reliable_provisional: Literal["required", "supported"] = "required"  # ringing by 100rel (RFC 3262)
    identity_sources: tuple[str, ...] = ()  # addresses and blocks whose P-Asserted-Identity is believed
    # Measured: baresip 1.0.0 fails at a challenge with SHA-256 even where MD5 is offered beside it.
    digest_algorithms: tuple[str, ...] = ("MD5",)
    # What browsers may make this agent send to beside the Internet; see core/policy/destination.py.
    allowed_destinations: tuple[str, ...] = ()
    denied_destinations: tuple[str, ...] = ()
    destination_ports: str = "5060-5099"
    # Who may speak to a session outside its dialogs; see core/origin.py.
    trusted_sources: tuple[str, ...] = ()
    strangers_may_call: bool = True
    accept_transfers: bool = True
    # Of an address of record, in the whole cluster; 0: no cap.
    max_concurrent_calls: int = 16
    max_calls_per_minute: int = 60
    max_calls_per_day: int = 1000
    min_expires: int = 60  # the built-in domain grants no less
