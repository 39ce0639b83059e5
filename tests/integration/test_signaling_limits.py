"""What one host, or one page, may use up of a pod: bounded, cut with a code that says why, and counted."""

import asyncio
import contextlib
import gc
import socket
import weakref
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY
from tests.support.signaling import BROWSER_SDP, Page, Stage, eventually, stage
from websockets.exceptions import ConnectionClosed

from shared.messages import CallProgress, RegistrationChanged
from signaling.app import Running

CALL = "c-abcdefgh12345678"
ONE, OTHER = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cordboard_signaling_{name}", labels) or 0.0


async def still_serves(here: Stage, pod: Running) -> None:
    page = await here.page(pod)
    await page.log_in("carol")
    assert (await page.ask("logout"))["type"] == "ok"


async def test_a_host_has_a_share_of_the_sockets_that_have_not_logged_in(here: Stage) -> None:
    pod = await here.pod(max_unauthenticated_of_host=2)
    reason = "too many sockets of one host that have not logged in"
    before = counted("websocket_rejects_total", reason=reason)
    first, _ = [await here.page(pod, additional_headers=ONE) for _ in range(2)]
    assert await (await here.page(pod, additional_headers=ONE)).close_code() == 1013
    assert counted("websocket_rejects_total", reason=reason) == before + 1
    assert not (await here.page(pod, additional_headers=OTHER)).closed.done()
    await first.log_in()
    await (await here.page(pod, additional_headers=ONE)).log_in("bob")


async def test_a_host_has_a_share_of_all_sockets_and_gets_it_back(here: Stage) -> None:
    pod = await here.pod(capacity_of_host=2)
    pages = [await here.page(pod, additional_headers=ONE) for _ in range(2)]
    for number, page in enumerate(pages):
        await page.log_in(f"user{number}")
    assert await (await here.page(pod, additional_headers=ONE)).close_code() == 1013
    await (await here.page(pod, additional_headers=OTHER)).log_in("bob")
    assert (await pages[0].ask("logout"))["type"] == "ok"
    await eventually(lambda: len(pod.pod.gateways) == 2)
    await (await here.page(pod, additional_headers=ONE)).log_in("carol")


async def test_a_client_cannot_choose_the_host_that_he_counts_for(
    here: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = await here.pod(max_unauthenticated_of_host=1, trusted_proxies=("192.0.2.0/24",))
    await here.page(pod, additional_headers=ONE)
    assert await (await here.page(pod, additional_headers=OTHER)).close_code() == 1013
    assert capsys.readouterr().out.count("is not believed") == 1


async def test_of_connections_that_say_nothing_the_oldest_give_way_to_a_page(here: Stage) -> None:
    pod = await here.pod(max_half_open=20)
    host, _, port = pod.address.rpartition(":")
    before = counted("half_open_cut_total", reason="crowded out")
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            silent = stack.enter_context(socket.socket())
            silent.setblocking(False)
            await asyncio.get_running_loop().sock_connect(silent, (host, int(port)))
        await still_serves(here, pod)
        assert counted("half_open_cut_total", reason="crowded out") >= before + 40
        assert len(pod.pod.admission.half_open) <= 20
        assert silent.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") > 0
        assert (await asyncio.get_running_loop().sock_recv(silent, 100)).startswith(b"HTTP/1.1 200")


async def test_a_host_that_says_nothing_crowds_out_itself_alone(here: Stage) -> None:
    pod = await here.pod(max_half_open_of_host=5, trusted_proxies=())
    host, _, port = pod.address.rpartition(":")
    with contextlib.ExitStack() as stack:
        silent = []
        for _ in range(8):
            silent.append(stack.enter_context(socket.socket()))
            silent[-1].setblocking(False)
            await asyncio.get_running_loop().sock_connect(silent[-1], (host, int(port)))
        loop = asyncio.get_running_loop()
        for cut in silent[:3]:
            with contextlib.suppress(ConnectionResetError):
                assert await loop.sock_recv(cut, 1) == b""
        await eventually(lambda: len(pod.pod.admission.half_open) == 5)


@pytest.mark.parametrize("limit", ["frames", "bytes"])
async def test_more_frames_or_bytes_than_a_page_needs_close_its_socket(here: Stage, limit: str) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.log_in()
    before = counted("websocket_limits_total", limit=limit)
    with contextlib.suppress(ConnectionClosed):
        for _ in range(1000):
            if limit == "frames":
                await page.socket.pong(b"")  # which is no message
            else:
                await page.socket.send(f'{{"type": "ping", "id": "1"}}{" " * 60000}')
    assert await page.close_code() == 1008
    assert counted("websocket_limits_total", limit=limit) == before + 1
    await still_serves(here, pod)


async def test_an_oversize_frame_is_counted(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    before = counted("websocket_limits_total", limit="frame")
    await page.socket.send(["{" * 40000, "{" * 40000])  # each would do, not both of them
    assert await page.close_code() == 1009
    assert counted("websocket_limits_total", limit="frame") == before + 1
    await still_serves(here, pod)


async def test_a_page_that_reads_too_late_is_told_why_it_was_cut_and_may_resume(here: Stage) -> None:
    pod = await here.pod(backlog_bytes=131072, resume_grace_seconds=30.0)
    cut = counted("slow_readers_total")
    page = await here.unread_page(pod)
    session = await page.log_in()
    await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    page.socket.transport.pause_reading()
    sdp = "v=0\r\n" + "a" * 60000
    event = CallProgress(session_id=session, call_id=CALL, state="early", status=183, reason="", browser_sdp=sdp)
    while counted("slow_readers_total") == cut:
        await here.agent.tell(session, event)
        await here.store.sessions.get(session)  # a round trip, so that the pod has its turn
    assert max(gateway.waiting for gateway in pod.pod.gateways) <= 131072 + 1024
    page.socket.transport.resume_reading()
    assert await page.close_code() == 1008
    back = await here.page(pod)
    await back.resume(session, page.resume_token)


async def test_a_page_that_pings_and_does_not_read_is_cut_too(here: Stage) -> None:
    pod = await here.pod(backlog_bytes=131072)
    page = await here.unread_page(pod)
    session = await page.log_in()
    page.socket.transport.pause_reading()
    (gateway,) = pod.pod.gateways
    cut = counted("slow_readers_total")
    event = RegistrationChanged(session_id=session, state="failed", reason="x" * 1000)
    while gateway.waiting < 131072 - 4096:
        await here.agent.tell(session, event)
        await here.store.sessions.get(session)  # a round trip, so that the pod has its turn
    assert counted("slow_readers_total") == cut
    for number in range(60):
        await page.socket.ping(f"{number:0125}")
    await eventually(lambda: counted("slow_readers_total") == cut + 1)
    await eventually(lambda: not pod.pod.gateways)


async def test_a_session_of_somebody_else_is_refused_and_counted(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    alice, mallory = await here.page(pod), await here.page(pod)
    session = await alice.log_in()
    await mallory.log_in("mallory")
    before = counted("resumes_total", result="403")
    thief = await here.page(pod)
    for token in (mallory.resume_token, "made up", alice.resume_token[:-1]):
        assert (await thief.try_to_resume(session, token))["status"] == 403
    assert counted("resumes_total", result="403") == before + 3
    assert (await alice.ask("ping"))["type"] == "ok"


async def expect_password_judged(here: Stage, page: Page, status: int) -> None:
    """Let the registrar decide, and the page hear it."""
    state = "registered" if status == 200 else "failed"
    await here.agent.tell(page.session, RegistrationChanged(session_id=page.session, state=state, status=status))
    await page.event("registration")


async def test_who_guesses_passwords_must_wait_and_others_need_not(here: Stage) -> None:
    pod = await here.pod()
    before = counted("wrong_passwords_total")
    for _ in range(6):
        page = await here.page(pod, additional_headers=ONE)
        await page.log_in()
        await expect_password_judged(here, page, 403)
    assert counted("wrong_passwords_total") == before + 6
    page = await here.page(pod, additional_headers=ONE)
    refused = counted("logins_total", result="429")
    alice = {"login": "alice", "password": "the right one", "domain": ""}
    assert (await page.ask("login", version=1, sip=alice))["status"] == 429
    assert counted("logins_total", result="429") == refused + 1
    await page.log_in("bob")
    await (await here.page(pod, additional_headers=OTHER)).log_in()


async def test_who_logs_in_rightly_need_not_wait(here: Stage) -> None:
    pod = await here.pod()
    for _ in range(10):
        page = await here.page(pod, additional_headers=ONE)
        await page.log_in()
        await expect_password_judged(here, page, 200)


async def test_who_leaves_before_he_hears_that_a_password_is_wrong_has_guessed_too(here: Stage) -> None:
    pod = await here.pod()
    before = counted("wrong_passwords_total")
    page = await here.page(pod, additional_headers=ONE)
    await page.log_in()
    await page.socket.close()
    await eventually(lambda: counted("wrong_passwords_total") > before)
    assert counted("wrong_passwords_total") == before + 1


async def test_new_credentials_for_turn_are_given_on_request(here: Stage) -> None:
    pod = await here.pod(turn_urls=("turn:turn.example.org",), turn_secret="north", turn_seconds=600)
    page = await here.page(pod)
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    (server,) = reply["ice_servers"]
    assert reply["ice_seconds"] == 600 and server["username"].endswith(f":{reply['session']}")
    assert "north" not in str(reply)
    again = await page.ask("ice")
    assert again["ice_seconds"] == 600 and again["ice_servers"][0]["urls"] == ["turn:turn.example.org"]


async def test_a_socket_that_is_gone_is_freed_without_the_collector(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page = await here.page(pod)
    session = await page.log_in()
    await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    await here.agent.ring(session, "c-incoming12345678")
    (gateway,) = pod.pod.gateways
    held = [weakref.ref(gateway), weakref.ref(gateway._connection._protocol), weakref.ref(gateway._calls)]
    del gateway
    gc.collect()
    gc.disable()
    try:
        await page.socket.close()
        await eventually(lambda: not any(one() for one in held))
        assert len(pod.pod.gateways) == 0
    finally:
        gc.enable()


async def test_a_page_that_answers_no_ping_is_cut(here: Stage) -> None:
    pod = await here.pod(ping_seconds=0.5)
    quiet, lively = await here.page(pod), await here.page(pod)
    await quiet.log_in()
    await lively.log_in("bob")
    quiet.socket.transport.pause_reading()
    await eventually(lambda: len(pod.pod.gateways) == 1)
    assert (await lively.ask("ping"))["type"] == "ok"
