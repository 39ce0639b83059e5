"""Schemathesis against the OpenAPI document, with a whole Cordboard and a phone that answers behind the API."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.support.baresip import baresip
from tests.support.headless import write_tone
from tests.support.rest import KEY, key_file
from tests.support.services import cordboard

EXAMPLES = 15
SECONDS = 300.0
SEED = 20261125
# The response to a request that is made again under its key tells of what may have been ended since.
NOT_ASKED = "ensure_resource_availability"
CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"


@pytest.mark.timeout(SECONDS + 60)
async def test_the_api_does_as_its_document_says(tmp_path: Path) -> None:
    write_tone(tmp_path / "welcome.wav", 1000, 20.0)
    keys = key_file(tmp_path)
    async with (
        cordboard(SIGNALING_REST_KEYS=keys, RELAY_SOUNDS_DIR=str(tmp_path), AGENT_MAX_CALLS_PER_MINUTE="0") as cluster,
        baresip("bob", cluster.users["bob"], cluster.domain, cluster.agents[0].port, auto_answer=True),
    ):
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"),
            f"{cluster.page_url()}api/v1/openapi.json",
            *(
                "--header",
                f"Authorization: Bearer {KEY}",
                "--exclude-checks",
                NOT_ASKED,
                "--max-examples",
                str(EXAMPLES),
            ),
            *("--seed", str(SEED), "--workers", "1", "--no-color", "--request-timeout", "10"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
