"""Settings come from the environment alone, into one typed struct a service.

A field `sip_port: int` of a struct read with prefix `AGENT` is `CORDBOARD_AGENT_SIP_PORT`; the fields that all
services share (`CommonSettings`) have no service name: `CORDBOARD_NATS_URL`.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from .errors import LocalError
from .masking import mask_value

S = TypeVar("S", bound="CommonSettings")


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every service has."""

    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: str = ""
    nats_ca: str = ""  # PEM file of who signs the server's certificate; with it the connection must be TLS
    nats_certificate: str = ""  # PEM files of our own, where the server asks for it
    nats_key: str = ""
    kv_replicas: int = 1  # of the buckets and streams that a service makes: 3 in a cluster of three
    domain: str = "cordboard.local"  # the built-in domain
    pod: str = ""  # the pod's id; empty: made from the host's name and the process id
    log_level: str = "info"
    log_format: Literal["json", "text"] = "json"  # text: for a person at a terminal
    ops_host: str = "127.0.0.1"  # where /metrics, /healthz and /readyz are served
    ops_port: int = 0  # 0: any free one, told in the log


class StreamSettings(CommonSettings, frozen=True, kw_only=True):
    """Of those who tell other services what happens; the limits are of the streams that they make."""

    events: bool = True
    events_hours: float = 24.0
    events_mebibytes: int = 64
    cdr_days: float = 30.0
    cdr_mebibytes: int = 256


_OF_SOME = ("secret", "second_secret")  # of the whole cluster, but not every service may have them


def load(settings: type[S], service: str, environ: Mapping[str, str] | None = None) -> S:
    """Read `settings` for a service; raise `LocalError` that names the variable at fault."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    common_names = {*CommonSettings.__struct_fields__, *StreamSettings.__struct_fields__}
    for field in msgspec.structs.fields(settings):
        common = field.name in common_names
        names = [f"CORDBOARD_{service}_{field.name}".upper()]
        if common or field.name in _OF_SOME:
            names.append(f"CORDBOARD_{field.name}".upper())
        found = next((name for name in names if environ.get(name, "") != ""), None)
        if found is None:
            continue
        try:
            values[field.name] = convert(environ[found], field.type)
        except msgspec.ValidationError as error:
            raise LocalError(f"{found}: {error}") from error
    if not values.get("pod"):
        values["pod"] = f"{service}-{socket.gethostname()}-{os.getpid()}".lower().replace(".", "-")
    try:
        return msgspec.convert(values, settings)
    except msgspec.ValidationError as error:
        raise LocalError(f"settings of {service}: {error}") from error


def convert(text: str, kind: Any) -> Any:
    """Turn a variable's text into `kind`; a tuple is written with commas."""
    if str(kind).startswith("tuple"):
        return msgspec.convert([part.strip() for part in text.split(",") if part.strip()], kind, strict=False)
    return msgspec.convert(text, kind, strict=False)


def masked(settings: CommonSettings) -> dict[str, Any]:
    """Return the settings for the log, secrets starred."""
    return {name: mask_value(name, value) for name, value in msgspec.structs.asdict(settings).items()}
