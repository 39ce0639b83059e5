"""What a bad page, or a stranger, can do to a signaling pod: be told, be counted, be cut off. The pod goes on."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import jwt
import pytest
from prometheus_client import REGISTRY
from tests.support.signaling import BROWSER_SDP, SECRET, Page, Stage, eventually, stage
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shared.messages import CallProgress, OpenAccount
from shared.sealing import Seal, account_password
from signaling.app import Running

CALL = "c-abcdefgh12345678"
JWT_KEY = "a key that has at least thirty-two bytes"


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cordboard_signaling_{name}", labels) or 0.0


async def still_serves(here: Stage, pod: Running) -> None:
    page = await here.page(pod)
    await page.log_in()
    assert (await page.ask("logout"))["type"] == "ok"
    assert await page.close_code() == 1000


@pytest.mark.parametrize(
    ("frame", "re", "why"),
    [
        ("", None, "Not JSON"),
        ("hello", None, "Not JSON"),
        ("[]", None, "Expected `object`"),
        ('{"type": "ping", "id": "\\ud83d"}', None, "Not JSON"),
        ('{"type": "ping"}', None, "`id`"),
        ('{"type": "ping", "id": 7}', None, "`str`"),
        ('{"type": "pong", "id": "7"}', "7", "'pong'"),
        ('{"id": "7"}', "7", "`type`"),
        ('{"type": "ping", "id": "7"}', "7", "Log In First"),
        ('{"type": "call", "id": "7"}', "7", "`call`"),
        ('{"type": "login", "id": "7"}', "7", "`version`"),
        ('{"type": "login", "id": "7", "version": 1}', "7", "either `sip` or `jwt`"),
        (
            '{"type": "login", "id": "7", "version": 1, "sip": {"login": "a b", "password": "", "domain": ""}}',
            "7",
            "login",
        ),
    ],
)
async def test_a_frame_that_is_no_request_now_is_answered_with_what_is_wrong(
    here: Stage, frame: str, re: str | None, why: str
) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.socket.send(frame)
    reply = await page.reply()
    assert (reply["type"], reply["re"], reply["status"]) == ("error", re, 400)
    assert why in reply["reason"]
    await page.log_in()


async def test_header_smuggling_stops_at_the_socket(here: Stage) -> None:
    page = await here.page(await here.pod())
    await page.log_in()
    await here.agent.expect(OpenAccount)
    bad: list[dict[str, object]] = [
        {"headers": {"X-A": "a\r\nRoute: <sip:evil>"}},
        {"headers": {"X-A\r\nRoute": "a"}},
        {"headers": {"rOuTe": "<sip:evil>"}},
        {"headers": {"Via": "a"}},
        {"headers": {"X-A": "a\n b"}},
        {"to": "bob\r\nRoute: x"},
        {"to": "sip:bob@example.org?Route=x"},
        {"to": "bob%0d%0aRoute:x"},
    ]
    for fields in bad:
        reply = await page.ask("call", **{"call": CALL, "to": "bob", "sdp": BROWSER_SDP, **fields})
        assert (reply["type"], reply["status"]) == ("error", 400), fields
    assert here.agent.got.empty() and here.relay.got.empty()
    assert (await page.ask("ping"))["type"] == "ok"


async def test_ten_errors_in_a_row_close_the_socket(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    for _ in range(10):
        await page.socket.send("{}")
    assert [(await page.reply())["status"] for _ in range(10)] == [400] * 10
    assert await page.close_code() == 1008
    await still_serves(here, pod)


async def test_a_flood_of_messages_closes_the_socket(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.log_in()
    with contextlib.suppress(ConnectionClosed):
        for number in range(200):
            await page.socket.send(json.dumps({"type": "ping", "id": str(number)}))
    assert await page.close_code() == 1008
    await still_serves(here, pod)


async def test_an_oversize_frame_and_a_binary_one_close_the_socket(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.socket.send("x" * 65537)
    assert await page.close_code() == 1009
    page = await here.page(pod)
    await page.socket.send(b"{}")
    assert await page.close_code() == 1003
    await still_serves(here, pod)


async def test_text_that_is_no_utf_8_closes_the_socket_and_is_no_error_of_the_pod(
    here: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.socket.send(b'{"type": "ping", "id": "\xff"}', text=True)
    assert await page.close_code() == 1007
    page = await here.page(pod)
    await page.socket.send([b'{"type": "\xc3', b'\xa4", "id": "1"}'], text=True)  # a character in two fragments
    assert (await page.reply())["status"] == 400
    await still_serves(here, pod)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_second_login_is_refused_and_changes_nothing(here: Stage) -> None:
    page = await here.page(await here.pod())
    await page.log_in()
    again = await page.ask("login", version=1, sip={"login": "bob", "password": "", "domain": ""})
    assert (again["status"], again["reason"]) == (400, "Logged In Already")
    assert len(await here.store.sessions.names()) == 1
    assert (await page.ask("ping"))["type"] == "ok"


async def test_a_socket_that_does_not_log_in_is_closed(here: Stage) -> None:
    pod = await here.pod(login_seconds=0.05)
    page = await here.page(pod)
    assert await page.close_code() == 1008
    await eventually(lambda: not pod.pod.gateways)
    assert not pod.pod.gateways


async def test_a_flood_of_sockets_that_do_not_log_in_is_capped(here: Stage) -> None:
    pod = await here.pod(max_unauthenticated=5)
    refused = counted("websocket_rejects_total", reason="too many sockets that have not logged in")
    idle = [await here.page(pod) for _ in range(5)]
    late = [await here.page(pod) for _ in range(20)]
    assert [await page.close_code() for page in late] == [1013] * 20
    assert counted("websocket_rejects_total", reason="too many sockets that have not logged in") == refused + 20
    await idle[0].log_in()
    await still_serves(here, pod)
    assert not any(page.closed.done() for page in idle)


async def test_a_page_that_does_not_read_is_cut_off(here: Stage) -> None:
    pod = await here.pod(backlog_bytes=262144)
    cut = counted("slow_readers_total")
    page = await here.unread_page(pod)
    session = await page.log_in()
    await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    page.socket.transport.pause_reading()
    event = CallProgress(
        session_id=session, call_id=CALL, state="early", status=183, reason="", browser_sdp="v=0\r\n" + "a" * 60000
    )
    while counted("slow_readers_total") == cut:
        await here.agent.tell(session, event)
        await here.store.sessions.get(session)  # a round trip, so that the pod has its turn
    await eventually(lambda: not pod.pod.gateways)
    assert counted("slow_readers_total") == cut + 1
    await here.until_sessions(0)
    await still_serves(here, pod)


async def test_only_pages_of_allowed_origins_connect(here: Stage) -> None:
    pod = await here.pod(origins=("https://phone.example.org",))
    refused_before = counted("websocket_rejects_total", reason="origin")
    for origin in (None, "https://evil.example.org", "https://phone.example.org.evil.org", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await here.page(pod, origin=origin)
        assert refused.value.response.status_code == 403
    assert counted("websocket_rejects_total", reason="origin") == refused_before + 4
    page = await here.page(pod, origin="https://phone.example.org")
    await page.log_in()


def token(**claims: object) -> str:
    return jwt.encode({"sub": "alice", "exp": time.time() + 60, "iss": "me", **claims}, JWT_KEY, "HS256")


async def jwt_login(page: Page, text: str) -> dict[str, object]:
    return await page.ask("login", version=1, jwt=text)


async def test_a_jwt_names_the_account(here: Stage) -> None:
    pod = await here.pod(jwt_key=JWT_KEY, jwt_issuer="me")
    page = await here.page(pod)
    reply = await jwt_login(page, token())
    assert reply["aor"] == "alice@cordboard.local"
    account = (await here.agent.expect(OpenAccount)).account
    password = Seal(SECRET).open(account.sealed_password, str(reply["session"]))
    assert password == account_password(SECRET, "alice@cordboard.local")
    other = await here.page(pod)
    claim = {"auth_name": "b", "outbound_proxy": "proxy.example.org:5061", "transport": "tls", "register": False}
    reply = await jwt_login(other, token(sub="sip:bob@example.org", cordboard=claim))
    assert reply["aor"] == "bob@example.org"
    account = (await here.agent.expect(OpenAccount)).account
    assert (account.login, account.domain, account.transport, account.sealed_password) == (
        "bob",
        "example.org",
        "tls",
        "",
    )


async def test_a_bad_jwt_reaches_no_agent(here: Stage) -> None:
    pod = await here.pod(jwt_key=JWT_KEY, jwt_issuer="me", jwt_audience="cordboard")
    good = {"aud": "cordboard"}
    bad = [
        (token(**good, exp=time.time() - 60), 401, "Token Has Expired"),
        (token(**good, iss="you"), 401, "Token Has Another Issuer"),
        (token(aud="other"), 401, "Token Is For Another Audience"),
        (jwt.encode({"sub": "alice", **good}, JWT_KEY, "HS256"), 401, "Token Has No sub Or No exp"),
        (jwt.encode({"sub": "alice", "exp": time.time() + 60}, "x" * 40, "HS256"), 401, "Token Is Not Valid"),
        (jwt.encode({"sub": "alice", "exp": time.time() + 60}, None, "none"), 401, "Token Is Not Valid"),
        ("not a token", 401, "Token Is Not Valid"),
        (token(**good, sub="a b"), 403, "Token Names No Account"),
        (token(**good, sub="alice@ex ample"), 403, "Token Names No Account"),
    ]
    labels = ("expired", "issuer", "audience", "claims", "signature", "algorithm", "invalid")
    before = {label: counted("auth_failures_total", reason=label) for label in labels}
    for text, status, reason in bad:
        page = await here.page(pod)
        reply = await jwt_login(page, text)
        assert reply["status"] == status and reason in str(reply["reason"]), reply
    assert here.agent.got.empty()
    counts = {label: counted("auth_failures_total", reason=label) - before[label] for label in labels}
    assert counts == dict.fromkeys(labels, 1) | {"claims": 3}
    assert (await jwt_login(await here.page(pod), token(**good)))["type"] == "ok"


async def test_a_pod_without_a_key_takes_no_jwt(here: Stage) -> None:
    reply = await jwt_login(await here.page(await here.pod()), token())
    assert reply["status"] == 403


async def test_the_phone_and_the_sdk_are_served_under_a_policy(here: Stage, tmp_path: Path) -> None:
    for folder, name in (("phone", "index.html"), ("sdk", "index.js")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(folder)
    pod = await here.pod(web_root=str(tmp_path))
    async with httpx.AsyncClient(base_url=f"http://{pod.address}") as http:
        page = await http.get("/")
        assert page.text == "phone" and page.headers["cache-control"] == "no-cache"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert "access-control-allow-origin" not in page.headers
        sdk = await http.get("/sdk/index.js")
        assert sdk.text == "sdk" and sdk.headers["access-control-allow-origin"] == "*"
        assert (await http.get("/../settings.py")).status_code == 404
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/metrics")).status_code == 404
    async with httpx.AsyncClient(base_url=f"http://{pod.ops_address}") as http:
        assert (await http.get("/readyz")).status_code == 200
        assert "cordboard_signaling_websocket_connections 0.0" in (await http.get("/metrics")).text
        pod.pod.draining = True
        assert (await http.get("/readyz")).text == "draining\n"
