"""A Grafana dashboard from a list of rows: what is the same in every panel is written once.

The JSON model is Grafana's schema version 39 (Grafana 11). Panels lie left to right in a grid of 24 columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

WIDTH, HEIGHT = 24, 8
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Kind = Literal["timeseries", "stat"]


@dataclass(frozen=True)
class Query:
    """PromQL and the name of its lines."""

    expr: str
    legend: str = "{{pod}}"


@dataclass(frozen=True)
class Panel:
    """One question and what answers it. `unit` is Grafana's: s, percentunit, reqps, Bps, none."""

    title: str
    queries: Sequence[Query]
    unit: str = "none"
    text: str = ""
    kind: Kind = "timeseries"
    width: int = 8
    most: float | None = None

    def model(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return the panel's JSON."""
        defaults: dict[str, Any] = {"unit": self.unit, "min": 0}
        if self.most is not None:
            defaults["max"] = self.most
        if self.kind == "timeseries":
            defaults["custom"] = {"fillOpacity": 10, "lineWidth": 1, "showPoints": "never"}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": HEIGHT},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": _OPTIONS[self.kind],
            "targets": [
                {
                    "refId": chr(ord("A") + at),
                    "datasource": DATASOURCE,
                    "expr": query.expr,
                    "legendFormat": query.legend,
                }
                for at, query in enumerate(self.queries)
            ],
        }


_OPTIONS: dict[Kind, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "colorMode": "value"},
}


@dataclass(frozen=True)
class Dashboard:
    """`uid` is its address in Grafana, and the name of its file."""

    uid: str
    title: str
    text: str
    panels: Sequence[Panel] = field(default_factory=tuple)

    def model(self) -> dict[str, Any]:
        """Return the dashboard's JSON."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.text,
            "tags": ["cordboard"],
            "schemaVersion": 39,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "links": [{"type": "dashboards", "title": "Cordboard", "tags": ["cordboard"], "asDropdown": True}],
            "templating": {"list": [_DATASOURCE_CHOICE]},
            "panels": self._placed(),
        }

    def _placed(self) -> list[dict[str, Any]]:
        placed, x, y = [], 0, 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            placed.append(panel.model(number, x, y))
            x += panel.width
        return placed


_DATASOURCE_CHOICE = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
