"""One event loop, one cluster and one of each browser for all end-to-end tests; fresh pages for each."""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.browser.chromium import chromium
from tests.support.browser.firefox import firefox
from tests.support.browser.tab import Browser
from tests.support.certificates import Authority
from tests.support.full_phone import FullPhone, OpenFullPhone, open_full_phone
from tests.support.kamailio import DOMAIN, Kamailio, kamailio
from tests.support.page import Account, OpenPhone, PhonePage, open_phone
from tests.support.pod_logs import pytest_runtest_makereport as pytest_runtest_makereport
from tests.support.processes import free_ports, program
from tests.support.scripted_phone import Phone, StartPhone
from tests.support.services import MEDIA_ADDRESS, Cordboard, cordboard

TEST_SECONDS = 150
PEERS = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "kamailio": "kamailio",
    "rtpengine": "rtpengine-daemon",
    "baresip": "baresip-core",
    "linphone-daemon": "linphone-cli",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of this folder on the session's loop, where its browsers and its cluster live."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session", autouse=True)
def _place() -> None:
    """Fail at once, and say why, where the tests cannot run."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((MEDIA_ADDRESS, 0))
        except OSError:
            pytest.exit(f"no {MEDIA_ADDRESS} here: run scripts/in-netns .venv/bin/pytest tests/e2e", returncode=1)
    for name, package in PEERS.items():
        program(name, package)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_browser() -> AsyncIterator[Browser]:
    """A running Chromium."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def firefox_browser() -> AsyncIterator[Browser]:
    """A running Firefox."""
    async with firefox() as browser:
        yield browser


@pytest.fixture(params=["chromium_browser", "firefox_browser"], ids=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Browser:
    """Each of the two."""
    found: Browser = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whose certificates the cluster's agent believes and has."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(authority: Authority) -> AsyncIterator[Cordboard]:
    """One pod of each service; a page that is closed is given up after four seconds."""
    own = authority.issue("agent.test")
    tls = {"CA": authority.certificate, "CERTIFICATE": own.certificate, "KEY": own.key, "PORT": free_ports()}
    settings = {"SIGNALING_RESUME_GRACE_SECONDS": "4", "SIGNALING_SWEEP_SECONDS": "1"}
    async with cordboard(**settings, **{f"AGENT_SIP_TLS_{name}": str(value) for name, value in tls.items()}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def server(request: pytest.FixtureRequest, authority: Authority) -> AsyncIterator[Kamailio]:
    """Somebody else's SIP server; ask for it before `open_page`, so that pages can still leave it at the end."""
    tls = authority.issue(DOMAIN, "127.0.0.1")
    async with kamailio(**getattr(request, "param", {"media": False}), tls=tls) as running:
        yield running


@contextlib.asynccontextmanager
async def _visit(cluster: Cordboard) -> AsyncIterator[list[PhonePage]]:
    """Pages that come and are closed at the end, when the cluster must be as it was before."""
    before = await cluster.resting_state()
    pages: list[PhonePage] = []
    yield pages
    for page in pages:
        await page.close()
    await cluster.wait_until_settled(before)


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(cluster: Cordboard, chromium_browser: Browser) -> AsyncIterator[OpenPhone]:
    """Open phone pages, in Chromium on the common cluster if nothing else is said."""
    async with _visit(cluster) as pages:

        async def open_one(
            frequency: float, *, browser: Browser = chromium_browser, url: str = "", video: bool = False
        ) -> PhonePage:
            page = await open_phone(browser, url or cluster.page_url(), frequency, video=video)
            pages.append(page)
            return page

        yield open_one


@pytest_asyncio.fixture(loop_scope="session")
async def open_full_page(cluster: Cordboard, chromium_browser: Browser) -> AsyncIterator[OpenFullPhone]:
    """Open full phones and log them in, in Chromium if nothing else is said."""
    async with _visit(cluster) as pages:

        async def open_one(user: str, frequency: float, *, browser: Browser = chromium_browser) -> FullPhone:
            page = await open_full_phone(browser, cluster.page_url(), frequency)
            pages.append(page)
            await page.connect(Account(user, cluster.users[user]))
            return page

        yield open_one


@pytest_asyncio.fixture(loop_scope="session")
async def start_phone(cluster: Cordboard, open_full_page: OpenFullPhone) -> AsyncIterator[StartPhone]:
    """Start SIP phones of the built-in domain; they are gone when the state of the cluster is looked at."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_one(kind: Phone, user: str, frequency: int) -> Any:
            phone = kind(user, cluster.users[user], cluster.domain, cluster.agents[0].port, frequency=frequency)
            return await stack.enter_async_context(phone)

        yield start_one
