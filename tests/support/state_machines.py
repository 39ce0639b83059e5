"""Every state machine of the SIP core as a graph, from its table alone: for docs/sip.md and the tests of all tables.

A new machine is one more line in `MACHINES`; `scripts/draw-states` then puts it into the page.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import sip_agent.core

PAGE = Path(__file__).parents[2] / "docs" / "sip.md"
BEGIN, END = "<!-- drawn by scripts/draw-states -->\n", "<!-- end of what was drawn -->\n"
_CORE = sip_agent.core.__name__

Table = Mapping[tuple[Enum, Enum], tuple[Callable[..., Any] | None, Enum]]


@dataclass(frozen=True)
class StateMachine:
    """One machine: where its table is, where it starts, and where it may rest for ever."""

    title: str
    module: str
    start: str
    ends: tuple[str, ...]

    @cached_property
    def table(self) -> Table:
        """Its rows."""
        table = table_of(importlib.import_module(f"{_CORE}.{self.module}"))
        assert table is not None, f"no table in {self.module}"
        return table

    @cached_property
    def edges(self) -> dict[tuple[str, str], list[Enum]]:
        """The inputs that lead from one state to another. An action may choose another state than its row names."""
        edges: dict[tuple[str, str], list[Enum]] = {}
        for (state, given), (action, following) in self.table.items():
            for name in [following.name, *sorted(chosen(action) - {following.name})]:
                edges.setdefault((state.name, name), []).append(given)
        return edges

    @property
    def states(self) -> list[str]:
        """The states that its table speaks of: several machines may share one enumeration."""
        spoken = {self.start, *(name for edge in self.edges for name in edge)}
        return [state.name for state in self._states if state.name in spoken]

    @property
    def inputs(self) -> list[Enum]:
        """The inputs that its table speaks of."""
        spoken = {given for _, given in self.table}
        return [given for given in type(next(iter(spoken))) if given in spoken]

    @property
    def _states(self) -> type[Enum]:
        return type(next(iter(self.table))[0])

    def reached_from(self, state: str) -> set[str]:
        """Every state that can follow, the state itself included."""
        reached, waiting = {state}, [state]
        while waiting:
            here = waiting.pop()
            following = {to for from_, to in self.edges if from_ == here} - reached
            reached |= following
            waiting += following
        return reached


MACHINES = (
    StateMachine("INVITE client transaction", "transaction.invite_client", "CALLING", ("TERMINATED",)),
    StateMachine("INVITE server transaction", "transaction.invite_server", "PROCEEDING", ("TERMINATED",)),
    StateMachine("Non-INVITE client transaction", "transaction.non_invite_client", "TRYING", ("TERMINATED",)),
    StateMachine("Non-INVITE server transaction", "transaction.non_invite_server", "TRYING", ("TERMINATED",)),
    StateMachine("Outgoing call", "call.outgoing", "CALLING", ("ENDED",)),
    StateMachine("Incoming call", "call.incoming", "INVITED", ("ENDED",)),
    StateMachine("Offer and answer", "in_dialog.offer_answer", "STABLE", ("STABLE",)),
    StateMachine("Change of a session by us", "in_dialog.modification", "IDLE", ("IDLE",)),
    StateMachine("Session timer", "in_dialog.session_timer", "OFF", ("OFF",)),
    StateMachine("Reliable provisional responses, the callee", "call.reliable", "IDLE", ("CLOSED", "FAILED")),
    StateMachine("Transfer by us", "transfer.referrer", "IDLE", ("IDLE", "DONE")),
    StateMachine("Transfer by the far side", "transfer.referee", "IDLE", ("IDLE", "LEAVING")),
    StateMachine("Where the media of a call is", "media.anchor", "ANCHORED", ("ANCHORED",)),
    StateMachine("Registration", "registration.registration", "NONE", ("CLOSED",)),
    StateMachine("Another agent, as one hears it", "takeover.failure_detector", "LIVE", ("DEAD",)),
    StateMachine("Message of ours", "instant.sending", "SENDING", ("DONE",)),
)


def table_of(module: ModuleType) -> Table | None:
    """The table that a module defines itself, as `TABLE` or as the `table` of a transaction."""
    if hasattr(module, "TABLE"):
        return module.TABLE  # type: ignore[no-any-return]
    for _, one in inspect.getmembers(module, inspect.isclass):
        if one.__module__ == module.__name__ and "table" in vars(one):
            return one.table  # type: ignore[no-any-return]
    return None


def modules_with_tables() -> Iterator[str]:
    """The modules of the core that hold a machine, by their names within it."""
    for found in pkgutil.walk_packages(sip_agent.core.__path__, f"{_CORE}."):
        if table_of(importlib.import_module(found.name)) is not None:
            yield found.name.removeprefix(f"{_CORE}.")


def chosen(action: Callable[..., Any] | None, seen: frozenset[str] = frozenset()) -> set[str]:
    """The states that an action may return, itself or through another method of its class."""
    if action is None or action.__qualname__ in seen:
        return set()
    owner = vars(sys.modules[action.__module__])[action.__qualname__.partition(".")[0]]
    names: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(action)))):
        for part in ast.walk(node) if isinstance(node, ast.Return) else ():
            match part:
                case ast.Attribute(ast.Name("State"), name):
                    names.add(name)
                case ast.Call(ast.Attribute(ast.Name("self"), name)):
                    names |= chosen(getattr(owner, name, None), seen | {action.__qualname__})
    return names


def draw() -> str:
    """The chapter of docs/sip.md that the tables write."""
    return "\n".join([_chapter(machine) for machine in MACHINES])


def write() -> None:
    """Put the drawings into the page."""
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(BEGIN)] + BEGIN + draw() + text[text.index(END) :])


def _chapter(machine: StateMachine) -> str:
    document = inspect.getdoc(importlib.import_module(f"{_CORE}.{machine.module}")) or ""
    lines = [f"### {machine.title}", "", " ".join(document.split("\n\n")[0].split()), "", "```mermaid"]
    lines += ["stateDiagram-v2", f"    [*] --> {machine.start}"]
    for (state, following), given in machine.edges.items():
        if state != following:
            lines.append(f"    {state} --> {following}: {', '.join(_short(one) for one in given)}")
    lines += [f"    {end} --> [*]" for end in machine.ends]
    return "\n".join([*lines, "```", "", *_matrix(machine), ""])


def _matrix(machine: StateMachine) -> list[str]:
    """What each input does in each state. A dot is ignored on purpose: the page is where that is agreed."""
    states = [state for state in machine.states if any(state == here.name for here, _ in machine.table)]
    lines = ["| | " + " | ".join(states) + " |", "|---|" + "---|" * len(states)]
    for given in machine.inputs:
        cells = [
            " or ".join([to for (here, to), inputs in machine.edges.items() if here == state and given in inputs])
            or "·"
            for state in states
        ]
        meaning = f"{_short(given)}: {given.value}" if isinstance(given.value, str) else _short(given)
        lines.append(f"| {meaning} | " + " | ".join(cells) + " |")
    return lines


def _short(given: Enum) -> str:
    return given.name.replace("_", " ").lower()


if __name__ == "__main__":
    write()
