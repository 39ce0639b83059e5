"""What a PromQL expression asks for: its selectors, and the labels that each must have.

No parser of the whole language: it reads what deploy/monitoring writes, and `promtool` and Prometheus read the rest.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from deploy.monitoring.dashboards import ALERTS, DASHBOARDS

_WORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right"}
_GROUPING = r"\b(by|without|on|ignoring)\s*\(([^)]*)\)"
_RANGE = re.compile(r"\[[^\]]*\]")
_SELECTOR = re.compile(r"(?<![\w.:])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*[\w(])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"[^"]*"')


@dataclass(frozen=True, order=True)
class Selector:
    """A metric as it is asked for: `matchers` with their braces, `labels` those of matchers and of groupings around."""

    metric: str
    matchers: str
    labels: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.metric}{self.matchers}"


def expressions() -> Iterator[str]:
    """Yield what panels ask and what alerts look at, of our own; NATS's exporter cannot be had in tests."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            yield from (query.expr for query in panel.queries)
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"] if not re.search(r"\bnats_", rule["expr"]))


def selectors(expr: str) -> Iterator[Selector]:
    """Yield every selector of an expression."""
    text = _RANGE.sub("", expr)
    groupings = [(_argument(text, found.end()), found[2]) for found in re.finditer(_GROUPING, text)]
    blank = re.sub(_GROUPING, lambda found: " " * len(found[0]), text)
    for found in _SELECTOR.finditer(blank):
        if found[1] in _WORDS:
            continue
        matchers = found[2] or ""
        labels = {name for name, _ in _MATCHER.findall(matchers)}
        for argument, names in groupings:
            if found.start() in argument:
                labels |= {name.strip() for name in names.split(",") if name.strip()}
        yield Selector(found[1], matchers, tuple(sorted(labels)))


def _argument(text: str, start: int) -> range:
    """Return where the parenthesis that follows a grouping begins and ends."""
    opened = text.index("(", start)
    depth = 0
    for at in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return range(opened, at)
    raise ValueError(f"a parenthesis is left open: {text}")
