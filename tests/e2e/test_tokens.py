"""Log-ins by token at real registrars: the page has no password, and who has a wrong one is slowed."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.support.issuer import Issuer, issuer
from tests.support.kamailio import DOMAIN, kamailio
from tests.support.services import Cordboard, cordboard
from tests.support.signaling import Page
from websockets.asyncio.client import connect

from shared.tasks import Tasks


@pytest_asyncio.fixture(loop_scope="session")
async def signer() -> AsyncIterator[Issuer]:
    async with issuer() as made:
        yield made


@contextlib.asynccontextmanager
async def page_of(cluster: Cordboard) -> AsyncIterator[Page]:
    """A page of the test's own."""
    tasks = Tasks("page")
    async with connect(f"ws://127.0.0.1:{cluster.signaling[0].port}/ws") as socket:
        yield Page(socket, tasks)
    await tasks.aclose()


async def verdict(page: Page) -> tuple[str, int]:
    """Wait for what the registrar says."""
    while True:
        event = await page.event("registration")
        if event["state"] != "registering":
            return event["state"], event["status"]


def settings_of(signer: Issuer) -> dict[str, str]:
    return {f"SIGNALING_{name.upper()}": str(value) for name, value in signer.settings.items()}


async def test_a_token_is_enough_at_the_built_in_domain(signer: Issuer) -> None:
    async with cordboard(**settings_of(signer)) as cluster, page_of(cluster) as page:
        reply = await page.ask("login", version=1, jwt=signer.token(sub="erin"))
        assert reply["aor"] == f"erin@{cluster.domain}"
        assert await verdict(page) == ("registered", 200)


async def test_somebody_elses_server_gets_a_password_that_no_page_has(signer: Issuer, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.toml"
    async with kamailio(media=False) as server:
        password = server.users["alice"]
        accounts.write_text(
            f'["alice@{DOMAIN}"]\npassword = "{password}"\noutbound_proxy = "127.0.0.1:{server.port}"\n'
            'transport = "udp"\n'
        )
        settings = settings_of(signer) | {"SIGNALING_ACCOUNTS": str(accounts)}
        async with cordboard(**settings) as cluster, page_of(cluster) as page:
            reply = await page.ask("login", version=1, jwt=signer.token(sub=f"alice@{DOMAIN}"))
            assert reply["aor"] == f"alice@{DOMAIN}"
            assert await verdict(page) == ("registered", 200)
            assert password not in json.dumps(reply)
            assert not any(password in pod.process.log for pod in cluster.pods)


async def test_guesses_at_a_real_registrar_are_slowed() -> None:
    async with cordboard() as cluster:
        for _ in range(6):
            async with page_of(cluster) as page:
                await page.ask("login", version=1, sip={"login": "alice", "password": "a guess", "domain": ""})
                assert (await verdict(page))[0] == "failed"
        async with page_of(cluster) as page:
            guess = {"login": "alice", "password": cluster.users["alice"], "domain": ""}
            assert (await page.ask("login", version=1, sip=guess))["status"] == 429
            await page.ask("login", version=1, sip={"login": "bob", "password": cluster.users["bob"], "domain": ""})
            assert await verdict(page) == ("registered", 200)
        assert (await cluster.signaling[0].metrics())["cordboard_signaling_wrong_passwords_total"] == 6
