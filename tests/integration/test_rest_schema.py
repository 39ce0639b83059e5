"""Schemathesis against the OpenAPI document, with a whole Cordboard behind the API."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.support.rest import KEY, key_file
from tests.support.services import cordboard

EXAMPLES = 15
SECONDS = 300.0
SEED = 20261125
CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"


@pytest.mark.timeout(SECONDS + 60)
async def test_the_api_does_as_its_document_says(tmp_path: Path) -> None:
    async with cordboard(SIGNALING_REST_KEYS=key_file(tmp_path)) as cluster:
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"),
            f"{cluster.page_url()}api/v1/openapi.json",
            *("--header", f"Authorization: Bearer {KEY}", "--checks", "all", "--max-examples", str(EXAMPLES)),
            *("--seed", str(SEED), "--workers", "1", "--no-color", "--request-timeout", "10"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
