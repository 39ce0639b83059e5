"""Who may ask the REST API: a key of the file, or a token's subject, and what either may do."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["calls:read", "calls:write", "sessions:read", "sessions:write"]


@dataclass(frozen=True)
class Principal:
    """Who asks. `name` is the key's, or the token's subject."""

    name: str
    scopes: frozenset[str]
