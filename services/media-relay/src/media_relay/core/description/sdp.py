"""Session descriptions as text (RFC 8866): a strict parser and its printer, with no opinion on what they mean.

Attributes stay in their order and are not interpreted here. Lines that nobody needs in offer/answer (i=, u=, e=, p=,
r=, z=, k=) are dropped. Both line ends are read (RFC 8866 §5), CRLF is written.
"""

import re
from dataclasses import dataclass, field, replace

from shared.errors import RemoteError

MAX_BYTES = 64 * 1024
MAX_MEDIA = 64

# The order of the other lines is not checked: phones get it wrong, and nothing depends on it.
_START = "vos"
_SESSION_LETTERS = "vosiuepcbtrzka"
_MEDIA_LETTERS = "icbka"
_ONCE = "vosiuzk"
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+")
# CR and LF cannot be in a line; other control characters have no business in any field that is read.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Origin:
    """RFC 8866 §5.2."""

    username: str
    session_id: str
    session_version: str
    address: str
    address_type: str = "IP4"
    network_type: str = "IN"


@dataclass(frozen=True)
class Connection:
    """RFC 8866 §5.7; a multicast address keeps its TTL and count."""

    address: str
    address_type: str = "IP4"
    network_type: str = "IN"


@dataclass(frozen=True)
class Attribute:
    """`a=name` or `a=name:value`."""

    name: str
    value: str | None = None


@dataclass(frozen=True)
class Level:
    """What the session and each of its media have alike."""

    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    def value(self, name: str) -> str | None:
        """Return the value of the first attribute `name`; None where there is none or it has no value."""
        return next((a.value for a in self.attributes if a.name == name), None)

    def values(self, name: str) -> list[str]:
        """Return the values of all attributes `name`."""
        return [a.value for a in self.attributes if a.name == name and a.value is not None]

    def has(self, name: str) -> bool:
        """Whether there is an attribute `name`."""
        return any(a.name == name for a in self.attributes)


@dataclass(frozen=True)
class Media(Level):
    """One m= section."""

    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: tuple[str, ...] = ()
    port_count: int = 1


@dataclass(frozen=True)
class SessionDescription(Level):
    """A whole description."""

    origin: Origin = field(default_factory=lambda: Origin("-", "0", "0", "127.0.0.1"))
    name: str = "-"
    times: tuple[str, ...] = ("0 0",)
    media: tuple[Media, ...] = ()

    def __str__(self) -> str:
        lines = ["v=0", _print_origin(self.origin), f"s={self.name}"]
        lines += _print_connection(self.connection)
        lines += [f"b={bandwidth}" for bandwidth in self.bandwidths]
        lines += [f"t={time}" for time in self.times]
        lines += _print_attributes(self.attributes)
        for media in self.media:
            count = f"/{media.port_count}" if media.port_count != 1 else ""
            lines.append(f"m={media.kind} {media.port}{count} {media.protocol} {' '.join(media.formats)}")
            lines += _print_connection(media.connection)
            lines += [f"b={bandwidth}" for bandwidth in media.bandwidths]
            lines += _print_attributes(media.attributes)
        return "".join(f"{line}\r\n" for line in lines)


def _print_origin(origin: Origin) -> str:
    return (
        f"o={origin.username} {origin.session_id} {origin.session_version} "
        f"{origin.network_type} {origin.address_type} {origin.address}"
    )


def _print_connection(connection: Connection | None) -> list[str]:
    if connection is None:
        return []
    return [f"c={connection.network_type} {connection.address_type} {connection.address}"]


def _print_attributes(attributes: tuple[Attribute, ...]) -> list[str]:
    return [f"a={a.name}" if a.value is None else f"a={a.name}:{a.value}" for a in attributes]


def parse(text: str) -> SessionDescription:
    """Read a description; raise `RemoteError` 400 that names the line at fault."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise RemoteError(400, f"Bad Session Description: more than {MAX_BYTES} bytes")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    session, sections = _Section(), list[_Section]()
    for number, line in enumerate(lines, 1):
        try:
            letter, value = _split(line.removesuffix("\r"))
            if number <= len(_START) and letter != _START[number - 1]:
                raise ValueError(f"{_START[number - 1]}= must be here")
            if letter == "m":
                if len(sections) == MAX_MEDIA:
                    raise ValueError(f"more than {MAX_MEDIA} media")
                sections.append(_Section(_read_media(value)))
            elif sections:
                sections[-1].take(letter, value, _MEDIA_LETTERS)
            else:
                session.take(letter, value, _SESSION_LETTERS)
        except ValueError as error:
            raise RemoteError(400, f"Bad Session Description: line {number}: {error}") from error
    return session.description(tuple(section.finished_media() for section in sections))


def _split(line: str) -> tuple[str, str]:
    if len(line) < 2 or line[1] != "=":
        raise ValueError("not of the form <letter>=<value>")
    if _CONTROL.search(line):
        raise ValueError("control character")
    return line[0], line[2:]


class _Section:
    """The lines of one level as they come in."""

    def __init__(self, media: Media | None = None) -> None:
        self._media = media
        self._single: dict[str, str] = {}
        self._origin: Origin | None = None
        self._connection: Connection | None = None
        self._bandwidths: list[str] = []
        self._times: list[str] = []
        self._attributes: list[Attribute] = []

    def take(self, letter: str, value: str, letters: str) -> None:
        """Read one line; `letters` are those that the level may have (RFC 8866 §5: the set is closed)."""
        if letter not in letters:
            raise ValueError(f"{letter}= is unknown here")
        if letter in _ONCE and letter in self._single:
            raise ValueError(f"a second {letter}=")
        self._single.setdefault(letter, value)
        if letter == "a":
            self._attributes.append(_read_attribute(value))
        elif letter == "c":
            self._connection = self._connection or _read_connection(value)
        elif letter == "b":
            self._bandwidths.append(value)
        elif letter == "t":
            self._times.append(value)
        elif letter == "o":
            self._origin = _read_origin(value)
        elif letter == "v" and value != "0":
            raise ValueError("the version must be 0")

    def finished_media(self) -> Media:
        assert self._media is not None
        return replace(
            self._media,
            connection=self._connection,
            bandwidths=tuple(self._bandwidths),
            attributes=tuple(self._attributes),
        )

    def description(self, media: tuple[Media, ...]) -> SessionDescription:
        if self._origin is None or "s" not in self._single or not self._times:
            missing = next(letter for letter in "vost" if letter not in self._single)
            raise RemoteError(400, f"Bad Session Description: no {missing}=")
        return SessionDescription(
            origin=self._origin,
            name=self._single["s"],
            connection=self._connection,
            bandwidths=tuple(self._bandwidths),
            times=tuple(self._times),
            attributes=tuple(self._attributes),
            media=media,
        )


def _read_origin(value: str) -> Origin:
    fields = value.split(" ")
    if len(fields) != 6 or not all(fields):
        raise ValueError("o= needs six fields")
    username, session_id, version, network_type, address_type, address = fields
    return Origin(username, session_id, version, address, address_type, network_type)


def _read_connection(value: str) -> Connection:
    fields = value.split(" ")
    if len(fields) != 3 or not all(fields):
        raise ValueError("c= needs three fields")
    return Connection(fields[2], fields[1], fields[0])


def _read_attribute(value: str) -> Attribute:
    name, colon, rest = value.partition(":")
    if not _TOKEN.fullmatch(name):
        raise ValueError("an attribute's name must be a token")
    return Attribute(name, rest if colon else None)


def _read_media(value: str) -> Media:
    fields = value.split()
    if len(fields) < 4:
        raise ValueError("m= needs a kind, a port, a protocol and a format")
    kind, port, protocol, *formats = fields
    port, slash, count = port.partition("/")
    if not _TOKEN.fullmatch(kind):
        raise ValueError("the kind of media must be a token")
    return Media(
        kind=kind,
        port=_number(port, 0, 65535, "port"),
        port_count=_number(count, 1, 65535, "number of ports") if slash else 1,
        protocol=protocol,
        formats=tuple(formats),
    )


def _number(text: str, low: int, high: int, what: str) -> int:
    # isdecimal alone takes other scripts' digits, and int() long ones slowly.
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and low <= int(text) <= high):
        raise ValueError(f"the {what} must be {low} to {high}")
    return int(text)
