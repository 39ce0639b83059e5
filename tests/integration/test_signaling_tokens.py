"""Log-ins by token: keys of an issuer that changes them and goes away, and accounts whose passwords no page has."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.support.issuer import AUDIENCE, NAME, Issuer, issuer
from tests.support.signaling import SECRET, Page, Stage, stage

from shared.messages import OpenAccount
from shared.sealing import Seal
from signaling.app import Running
from signaling.core import key_set
from signaling.tokens import sources


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


@pytest.fixture
async def signer() -> AsyncIterator[Issuer]:
    async with issuer() as made:
        yield made


async def log_in(here: Stage, pod: Running, token: str) -> dict[str, Any]:
    page: Page = await here.page(pod)
    return await page.ask("login", version=1, jwt=token)


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("cordboard_signaling_auth_failures_total", {"reason": reason}) or 0.0


async def test_the_issuers_keys_are_fetched_once_for_many_log_ins(here: Stage, signer: Issuer) -> None:
    pod = await here.pod(**signer.settings)
    for number in range(3):
        reply = await log_in(here, pod, signer.token(sub=f"user{number}"))
        assert reply["aor"] == f"user{number}@cordboard.local"
    assert signer.asked == 1


async def test_the_issuer_goes_over_to_another_key(
    here: Stage, signer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "SHORTEST_PAUSE", 0.0)
    pod = await here.pod(**signer.settings)
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    signer.rotate("second")
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    before = refused("key")
    assert (await log_in(here, pod, signer.token("first")))["status"] == 401
    assert refused("key") == before + 1


async def test_tokens_of_made_up_keys_do_not_make_the_pod_ask_for_each(here: Stage, signer: Issuer) -> None:
    pod = await here.pod(**signer.settings)
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    stranger = Issuer()
    for number in range(5):
        stranger.rotate(f"made up {number}")
        assert (await log_in(here, pod, stranger.token()))["status"] == 401
    assert signer.asked == 1


async def test_the_right_name_of_a_key_does_not_make_a_token_the_issuers(here: Stage, signer: Issuer) -> None:
    pod = await here.pod(**signer.settings)
    before = refused("signature")
    assert (await log_in(here, pod, Issuer().token()))["status"] == 401
    assert refused("signature") == before + 1
    assert (await log_in(here, pod, signer.token(iss="https://other.example.org")))["status"] == 401
    assert (await log_in(here, pod, signer.token(aud="mail")))["status"] == 401
    assert here.agent.got.empty()


async def test_an_issuer_that_does_not_answer_is_told_and_holds_up_nobody_whose_key_is_known(
    here: Stage, signer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_FETCH_SECONDS", 1.0)
    monkeypatch.setattr(key_set, "SHORTEST_PAUSE", 0.0)
    signer.is_silent = True
    pod = await here.pod(**signer.settings)
    assert (await log_in(here, pod, signer.token()))["status"] == 503
    signer.is_silent = False
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    signer.is_silent = True
    monkeypatch.setattr(key_set, "FRESH_SECONDS", 0.0)
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"


async def test_a_key_file_that_changes_is_read_anew(
    here: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.reloaded_file._LOOK_EVERY", 0.0)
    signer, file = Issuer(), tmp_path / "keys.json"
    file.write_text(json.dumps(signer.key_set()))
    pod = await here.pod(jwt_key=str(file), jwt_issuer=NAME, jwt_audience=AUDIENCE)
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    signer.rotate("second")
    assert (await log_in(here, pod, signer.token()))["status"] == 401
    file.write_text(json.dumps(signer.key_set()))
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"
    file.write_text("half wri")
    assert (await log_in(here, pod, signer.token()))["type"] == "ok"


async def test_the_password_of_another_server_is_known_to_the_pod_and_to_no_page(
    here: Stage, signer: Issuer, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        '["Alice@sip.example.org"]\npassword = "of the server"\noutbound_proxy = "proxy.example.org:5061"\n'
        'transport = "tls"\n'
    )
    pod = await here.pod(accounts=str(file), **signer.settings)
    reply = await log_in(here, pod, signer.token(sub="alice@sip.example.org", cordboard={"display_name": "Alice"}))
    assert reply["aor"] == "alice@sip.example.org" and "of the server" not in json.dumps(reply)
    account = (await here.agent.expect(OpenAccount)).account
    assert Seal(SECRET).open(account.sealed_password, str(reply["session"])) == "of the server"
    assert (account.outbound_proxy, account.transport, account.display_name) == (
        "proxy.example.org:5061",
        "tls",
        "Alice",
    )


async def test_a_password_in_a_token_is_refused_for_its_page_can_read_it(here: Stage, signer: Issuer) -> None:
    pod = await here.pod(**signer.settings)
    reply = await log_in(here, pod, signer.token(cordboard={"password": "seen by all"}))
    assert reply["status"] == 403 and "password" in reply["reason"]
    assert here.agent.got.empty()
