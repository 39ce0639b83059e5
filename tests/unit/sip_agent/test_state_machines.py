"""What holds of every state machine of the core, and that docs/sip.md shows them as they are."""

import pytest
from tests.support.state_machines import BEGIN, END, MACHINES, PAGE, StateMachine, chosen, draw, modules_with_tables

every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.module)


def test_every_table_of_the_core_is_among_the_machines() -> None:
    assert set(modules_with_tables()) == {machine.module for machine in MACHINES}


@every_machine
def test_every_state_is_reached(machine: StateMachine) -> None:
    assert machine.reached_from(machine.start) == set(machine.states)


@every_machine
def test_every_state_has_a_way_to_an_end(machine: StateMachine) -> None:
    for state in machine.states:
        assert machine.reached_from(state) & set(machine.ends), state


@every_machine
def test_an_end_is_left_by_no_input(machine: StateMachine) -> None:
    ends = set(machine.ends) - {machine.start}  # where it rests at the start it may start again
    assert not [edge for edge in machine.edges if edge[0] in ends and edge[0] != edge[1]]


@every_machine
def test_every_input_of_its_enumeration_is_used_by_some_machine(machine: StateMachine) -> None:
    kind = type(machine.inputs[0])
    used = {given for other in MACHINES if type(other.inputs[0]) is kind for given in other.inputs}
    assert used == set(kind)


def test_the_states_that_an_action_chooses_are_found() -> None:
    (registration,) = [machine for machine in MACHINES if machine.title == "Registration"]
    assert any(len({to for from_, to in registration.edges if from_ == state}) > 1 for state in registration.states)
    assert chosen(None) == set()


def test_the_page_is_as_scripts_draw_states_writes_it() -> None:
    text = PAGE.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == draw(), "run scripts/draw-states"
