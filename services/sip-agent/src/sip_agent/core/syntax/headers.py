"""Header fields in the order and spelling in which they were written (RFC 3261 §7.3)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from sip_agent.core.syntax.grammar import is_token, split_list

T = TypeVar("T")

# §7.3.3, §20 and the registry of compact forms: RFC 3265/6665 (o, u), 3515 (r), 3841 (a, j, d), 3892 (b), 4028 (x),
# 4474 (y, n).
COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
# The fields whose grammar is a comma list; in others (Subject, Date, challenges) a comma is part of the value.
LISTS = frozenset(
    "accept accept-contact accept-encoding accept-language alert-info allow allow-events call-info contact"
    " content-encoding content-language diversion error-info history-info in-reply-to p-asserted-identity"
    " p-associated-uri p-preferred-identity path proxy-require reason record-route reject-contact request-disposition"
    " require route security-client security-server security-verify service-route supported unsupported via"
    " warning".split()
)
# As most senders spell them; others are found the longer way.
_FULL = {*COMPACT.values(), *LISTS}
_SPELLED = (
    "Authorization CSeq Call-ID Date Event Expires Max-Forwards Min-Expires Min-SE Privacy Proxy-Authenticate"
    " Proxy-Authorization RAck RSeq Replaces Retry-After Server Subscription-State Timestamp User-Agent"
    " WWW-Authenticate".split()
)


class _Keys(dict[str, str]):
    """Names as written to names to compare by. Peers may write any: what is not known is not kept."""

    def __missing__(self, name: str) -> str:
        name = name.lower()
        return COMPACT.get(name, name)


_KEYS = _Keys(
    {name.title(): name for name in _FULL}
    | {name: name for name in _FULL}
    | {name: name.lower() for name in _SPELLED}
    | {name.lower(): name.lower() for name in _SPELLED}
)


def is_field_name(name: str) -> bool:
    """Whether `name` may stand before the colon."""
    return name in _KEYS or is_token(name)


key_of: Callable[[str], str] = _KEYS.__getitem__
"""The name to compare by: lower case, compact forms in full. Asked for each field of each message."""


class Headers:
    """An ordered list of (name, value), looked up without regard to case or compact form.

    Typed readings of it are kept until the next change, so nothing is parsed that nobody asks for, or twice.
    """

    __slots__ = ("_items", "_index", "_views")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = list(items)
        self._index: dict[str, list[str]] | None = None
        self._views: dict[str, Any] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: str) -> bool:
        return _KEYS[name] in self.index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def copy(self) -> "Headers":
        """A copy that changes apart from this one."""
        return Headers(self._items)

    def get(self, name: str) -> str | None:
        """The first value as written, of a comma list the whole line."""
        key = _KEYS[name]
        if self._index is None:  # of what we write ourselves, one field is asked for at most
            place = self._place(key)
            return None if place is None else self._items[place][1]
        values = self._index.get(key)
        return None if values is None else values[0]

    def get_all(self, name: str) -> list[str]:
        """Every value; lines of a field that is a comma list are divided. 400 when such a line is malformed."""
        key = key_of(name)
        values = self.index.get(key, ())
        if key not in LISTS:
            return list(values)
        return [element for value in values for element in split_list(value, name)]

    def lines(self, name: str) -> list[str]:
        """Every value as written, none divided."""
        return list(self.index.get(key_of(name), ()))

    def count(self, name: str) -> int:
        """How many lines there are of that name."""
        return len(self.index.get(key_of(name), ()))

    def add(self, name: str, value: str) -> None:
        """Append a field."""
        self._items.append((name, value))
        self._changed(key_of(name))

    def prepend(self, name: str, value: str) -> None:
        """Put a field before all others."""
        self._items.insert(0, (name, value))
        self._changed(key_of(name))

    def set(self, name: str, value: str) -> None:
        """Put one field in the place of all of that name, or at the end when there is none."""
        key = key_of(name)
        place = self._place(key)
        if place is None:
            self._items.append((name, value))
        else:
            rest = [item for item in self._items[place + 1 :] if key_of(item[0]) != key]
            self._items[place:] = [(name, value), *rest]
        self._changed(key)

    def remove(self, name: str) -> None:
        """Take out every field of that name."""
        key = key_of(name)
        self._items = [item for item in self._items if key_of(item[0]) != key]
        self._changed(key)

    def remove_first(self, name: str) -> str | None:
        """Take out and return the first value; of a comma list the first element, not the line."""
        key = key_of(name)
        place = self._place(key)
        if place is None:
            return None
        written, line = self._items[place]
        first, rest = self._divide(key, name, line)
        self._items[place : place + 1] = [(written, rest)] if rest else []
        self._changed(key)
        return first

    def replace_first(self, name: str, value: str) -> None:
        """Put `value` in the place of the first value; of a comma list the first element, not the line."""
        key = key_of(name)
        place = self._place(key)
        if place is None:
            raise LookupError(name)
        written, line = self._items[place]
        rest = self._divide(key, name, line)[1]
        line = f"{value}, {rest}" if rest else value
        self._items[place] = (written, line)
        index = self._index
        self._changed(key)
        if index is not None:  # each request received comes by here: spare it a second index
            index[key][0] = line
            self._index = index

    def view(self, key: str, read: "Callable[[Headers], T]") -> T:
        """What `read` makes of the fields named `key`, never None, kept until those change.

        "first contact" is a view apart.
        """
        kept: T | None = self._views.get(key)
        if kept is None:
            kept = self._views[key] = read(self)
        return kept

    @property
    def index(self) -> Mapping[str, list[str]]:
        """The lines by `key_of` their names, each list with one or more; to be read only."""
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self._items:
                key = _KEYS[name]
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index

    def _place(self, key: str) -> int | None:
        for place, item in enumerate(self._items):
            if _KEYS[item[0]] == key:
                return place
        return None

    @staticmethod
    def _divide(key: str, name: str, line: str) -> tuple[str, str]:
        """The first value of a line and what remains of the line."""
        if key not in LISTS or "," not in line:
            return line, ""
        first, *rest = split_list(line, name)
        return first, ", ".join(rest)

    def _changed(self, key: str) -> None:
        self._index = None
        self._views.pop(key, None)
        self._views.pop(f"first {key}", None)
