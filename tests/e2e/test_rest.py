"""Calls that other services start and use by the REST API, with real phones at their far ends, through any pod."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.baresip import baresip
from tests.support.browser.tab import Browser
from tests.support.headless import write_tone
from tests.support.page import Account, hear_and_be_heard, open_phone
from tests.support.rest import KEY, key_file
from tests.support.services import Cordboard, cordboard
from tests.support.streams import reading
from tests.support.until import until as look_until

from shared.messages import stream
from shared.streams import EVENTS

WELCOME_HZ, MUSIC_HZ = 1000, 700
SECONDS = 20.0

pytestmark = pytest.mark.peers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cordboard]:
    """Two signaling pods with the API, and a relay with sounds."""
    folder = tmp_path_factory.mktemp("rest")
    sounds = folder / "sounds"
    sounds.mkdir()
    write_tone(sounds / "welcome.wav", WELCOME_HZ, 4.0)
    write_tone(sounds / "music.wav", MUSIC_HZ, 2.0)
    keys = key_file(folder)
    async with cordboard(signaling=2, SIGNALING_REST_KEYS=keys, RELAY_SOUNDS_DIR=str(sounds)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def first(cluster: Cordboard) -> AsyncIterator[httpx.AsyncClient]:
    """The API of one pod."""
    async with client(cluster, 0) as rest:
        yield rest


@pytest_asyncio.fixture(loop_scope="session")
async def second(cluster: Cordboard) -> AsyncIterator[httpx.AsyncClient]:
    """That of the other one."""
    async with client(cluster, 1) as rest:
        yield rest


def client(cluster: Cordboard, pod: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=cluster.page_url(pod), headers={"Authorization": f"Bearer {KEY}"}, timeout=SECONDS, verify=False
    )


def phone(cluster: Cordboard, user: str, frequency: int = 620) -> Any:
    return baresip(user, cluster.users[user], cluster.domain, cluster.agents[0].port, frequency=frequency)


def account(cluster: Cordboard, login: str = "alice") -> dict[str, Any]:
    return {"login": login, "password": cluster.users[login]}


async def until(rest: httpx.AsyncClient, call: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return a call once it is so: callers of an API have no event to wait for."""
    told: dict[str, Any] = {}

    async def holds() -> bool:
        told.clear()
        told.update((await rest.get(f"api/v1/calls/{call}")).json())
        return is_so(told)

    try:
        await look_until(holds, SECONDS)
    except TimeoutError:
        raise AssertionError(f"never so: {told}") from None
    return told


async def only_call(rest: httpx.AsyncClient, **wanted: str) -> dict[str, Any]:
    """Return the one such call, once it is listed: a page rings a moment before its call is recorded."""
    found: list[dict[str, Any]] = []

    async def is_listed() -> bool:
        found[:] = (await rest.get("api/v1/calls", params=wanted)).json()["items"]
        return bool(found)

    await look_until(is_listed, SECONDS)
    (one,) = found
    return one


async def until_through(cluster: Cordboard, call: str) -> None:
    """Return once a call can be used: its record says so with the answer, a moment before its relay has heard of it."""
    async with reading(cluster.bus, EVENTS) as events:
        await events.expect(stream.CallEstablished, lambda event: event.call_id == call)


async def until_gone(rest: httpx.AsyncClient, session: str) -> None:
    """Return once there is no such session: that it is to end is said before its calls have ended."""

    async def is_gone() -> bool:
        return (await rest.get(f"api/v1/sessions/{session}")).status_code == 404

    await look_until(is_gone, SECONDS)


async def ringing_for_wcs(rest: httpx.AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the one such call of WCS's paths, once it is written that it rings."""
    found: list[dict[str, Any]] = []

    async def is_ringing() -> bool:
        found[:] = (await rest.post("rest-api/call/find", json=asked)).json()
        return [one["status"] for one in found] == ["RING"]

    await look_until(is_ringing, SECONDS)
    return found[0]


async def test_the_startup_of_wcs_rings_a_phone_that_hears_a_sound(
    cluster: Cordboard, first: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    agent = f"127.0.0.1:{cluster.agents[0].port}"
    example = {  # as the vendor's documentation has it, with its texts for ports and flags
        "callId": "R08NQya-5NMe5v7q-JNkboaS",
        "callee": "bob",
        "hasAudio": "true",
        "hasVideo": "false",
        "sipLogin": "alice",
        "sipAuthenticationName": "alice",
        "sipPassword": cluster.users["alice"],
        "sipDomain": cluster.domain,
        "sipOutboundProxy": agent,
        "sipPort": "0",
        "appKey": "defaultApp",
        "sipRegisterRequired": "false",
    }
    call = {"callId": example["callId"]}
    async with phone(cluster, "bob") as bob:
        before = await cluster.resting_state()
        assert (await first.post("rest-api/call/startup", json=example)).status_code == 200
        await bob.wait_for_ring()
        assert (await second.post("rest-api/call/startup", json=example)).status_code == 409
        ringing = await ringing_for_wcs(second, call)
        assert (ringing["caller"], ringing["callee"]) == ("alice", "bob")
        await bob.accept()
        await bob.wait_for_answer()
        await until_through(cluster, (await only_call(first))["id"])
        assert (await second.post("rest-api/call/inject_sound", json={**call, "fileName": "welcome.wav"})).is_success
        await bob.wait_for_tone(WELCOME_HZ)
        (talking,) = (await first.get("rest-api/call/find_all")).json()
        assert (talking["status"], talking["callId"]) == ("ESTABLISHED", call["callId"])
        digits = {**call, "dtmf": "42", "type": "RFC2833"}
        assert (await second.post("rest-api/call/send_dtmf", json=digits)).is_success
        await bob.wait_for_digits(2)
        assert bob.digits == "42"
        assert (await second.post("rest-api/call/terminate", json=call)).is_success
        await bob.wait_for_end()

        async def is_forgotten() -> bool:
            return (await first.post("rest-api/call/find", json=call)).status_code == 404

        await look_until(is_forgotten, SECONDS)  # once its detail record is kept
        await cluster.wait_until_settled(before, within=40.0)


async def test_a_phone_is_called_for_a_sound_and_the_end_is_found(
    cluster: Cordboard, first: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    body = {
        "account": account(cluster),
        "to": "bob",
        "sound": {"name": "welcome.wav"},
        "hang_up_after_sound": True,
    }
    async with phone(cluster, "bob") as bob:
        started = await first.post("api/v1/calls", json=body, headers={"Idempotency-Key": "reminder-1"})
        again = await second.post("api/v1/calls", json=body, headers={"Idempotency-Key": "reminder-1"})
        assert (started.status_code, again.status_code) == (201, 201)
        call = started.json()["id"]
        assert again.json()["id"] == call and len((await second.get("api/v1/calls")).json()["items"]) == 1
        await bob.wait_for_ring()
        await bob.accept()
        await bob.wait_for_tone(WELCOME_HZ)
        assert (await until(second, call, lambda told: told["state"] == "established"))["page"] is False
        await bob.wait_for_end()
        told = await until(second, call, lambda told: told["state"] == "ended")
        assert (told["end"]["status"], told["end"]["reason"], told["end"]["by"]) == (200, "Sound Ended", "system")


async def test_two_phones_are_joined_held_and_hung_up(
    cluster: Cordboard, first: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    session = (await first.post("api/v1/sessions", json={"account": account(cluster)})).json()["id"]
    body = {"session": session, "to": "bob", "join": {"to": "carol"}}
    async with phone(cluster, "bob", 620) as bob, phone(cluster, "carol", 880) as carol:
        call = (await second.post("api/v1/calls", json=body)).json()["id"]
        await bob.wait_for_ring()
        await bob.accept()
        await carol.wait_for_ring()
        await carol.accept()
        await asyncio.gather(bob.wait_for_tone(880), carol.wait_for_tone(620))
        other = (await until(first, call, lambda told: told["joined"] is not None))["joined"]
        await until(second, other, lambda told: told["joined"] == call)
        listed = (await first.get("api/v1/calls", params={"session": session})).json()["items"]
        assert {one["id"] for one in listed} == {call, other}
        assert (await first.post(f"api/v1/calls/{call}/sound", json={"name": "music.wav", "loop": True})).is_success
        await bob.wait_for_other_tone(MUSIC_HZ)
        assert (await second.delete(f"api/v1/calls/{call}/sound")).is_success
        await bob.wait_for_other_tone(880)
        assert (await second.post(f"api/v1/calls/{call}/hold")).status_code == 202
        await until(first, call, lambda told: told["held"]["local"])
        assert (await first.post(f"api/v1/calls/{call}/unhold")).status_code == 202
        await until(second, call, lambda told: not told["held"]["local"])
        assert (await first.delete(f"api/v1/sessions/{session}")).status_code == 204
        await asyncio.gather(bob.wait_for_end(), carol.wait_for_end())
    await until_gone(second, session)


_ANSWERS_ON_REQUEST = """() => {
  navigator.mediaDevices.getUserMedia = async () => harness.microphone(440);
  cordboard.session.answerOnRequest = true;
}"""


async def test_the_call_of_a_page_is_answered_held_and_ended_by_another_service(
    cluster: Cordboard, second: httpx.AsyncClient, chromium_browser: Browser
) -> None:
    alice = await open_phone(chromium_browser, cluster.page_url(0), 440)
    await alice.connect(Account("alice", cluster.users["alice"]))
    await alice.tab.evaluate(_ANSWERS_ON_REQUEST)
    async with phone(cluster, "bob") as bob:
        await bob.dial(f"sip:alice@{cluster.domain}")
        await alice.wait_for_call("^RING")
        ringing = await only_call(second, state="incoming")
        assert (ringing["caller"], ringing["page"]) == (f"bob@{cluster.domain}", True)
        call = f"api/v1/calls/{ringing['id']}"
        assert (await second.post(f"{call}/answer")).status_code == 202
        await alice.wait_for_call("^ESTABLISHED")
        await hear_and_be_heard(alice, bob)
        assert (await second.post(f"{call}/hold")).status_code == 202
        await alice.wait_for_call("^HOLD you")
        assert (await second.post(f"{call}/unhold")).status_code == 202
        await alice.wait_for_call("^ESTABLISHED")
        assert (await second.post(f"{call}/dtmf", json={"digits": "7#"})).status_code == 202
        await bob.wait_for_digits(2)
        assert (await second.post(f"{call}/sound", json={"name": "music.wav", "loop": True})).status_code == 202
        await bob.wait_for_other_tone(MUSIC_HZ)
        assert (await second.post(f"{call}/hangup", json={})).status_code == 202
        await alice.wait_for_call("^FINISH")
        await bob.wait_for_end()
    assert (await second.delete(f"api/v1/sessions/{ringing['session']}")).status_code == 204
    await until_gone(second, ringing["session"])  # a call to alice would go there, too: the next test makes some
    await alice.close()


async def test_a_phone_calls_a_session_without_a_page_and_is_answered_refused_and_hung_up_by_another_service(
    cluster: Cordboard, first: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    body = {"account": {**account(cluster), "register": True}, "takes_calls": True}
    session = (await first.post("api/v1/sessions", json=body)).json()["id"]

    async def is_registered() -> bool:
        return (await second.get(f"api/v1/sessions/{session}")).json()["registration"] == "registered"

    await look_until(is_registered, SECONDS)
    async with reading(cluster.bus, EVENTS) as events, phone(cluster, "bob") as bob:
        await bob.dial(f"sip:alice@{cluster.domain}")
        ringing = await events.expect(stream.CallRinging, lambda event: event.session_id == session)
        assert (ringing.direction, ringing.caller) == ("incoming", f"sip:bob@{cluster.domain}")
        call = f"api/v1/calls/{ringing.call_id}"
        assert (await second.post(f"{call}/answer")).status_code == 202
        await bob.wait_for_answer()
        await until(first, ringing.call_id, lambda told: told["state"] == "established")
        await until_through(cluster, ringing.call_id)
        assert (await first.post(f"{call}/sound", json={"name": "music.wav", "loop": True})).status_code == 202
        await bob.wait_for_tone(MUSIC_HZ)
        assert (await second.post(f"{call}/dtmf", json={"digits": "42"})).status_code == 202
        await bob.wait_for_digits(2)
        assert bob.digits == "42"
        assert (await second.post(f"{call}/hangup", json={})).status_code == 202
        await bob.wait_for_end()
        await bob.dial(f"sip:alice@{cluster.domain}")
        again = await events.expect(stream.CallRinging, lambda event: event.session_id == session)
        assert (await first.post(f"api/v1/calls/{again.call_id}/hangup", json={"status": 486})).status_code == 202
        assert (await bob.wait_for("CALL_CLOSED"))["param"] == "486 Busy Here"
    assert (await first.delete(f"api/v1/sessions/{session}")).status_code == 204


async def test_a_phone_that_is_busy_is_said_so(cluster: Cordboard, first: httpx.AsyncClient) -> None:
    async with phone(cluster, "bob") as bob:
        call = (await first.post("api/v1/calls", json={"account": account(cluster), "to": "bob"})).json()["id"]
        await bob.wait_for_ring()
        await bob.hang_up()
        told = await until(first, call, lambda told: told["state"] == "ended")
        assert (told["end"]["status"], told["end"]["by"]) == (486, "remote")


async def test_nobody_gets_round_what_the_agents_allow(cluster: Cordboard, first: httpx.AsyncClient) -> None:
    stranger = {"login": "alice", "password": "secret", "domain": "192.0.2.1"}
    response = await first.post("api/v1/calls", json={"account": stranger, "to": "bob"})
    told = response.json()
    assert (response.status_code, told["sip_status"], told["detail"]) == (403, 403, "Destination Not Allowed")

    async def is_quiet() -> bool:  # what others have called is gone, and nothing has come
        return (await first.get("api/v1/calls")).json()["items"] == []

    await look_until(is_quiet, SECONDS)
