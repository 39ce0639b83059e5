"""The reader of docs/events.md does what that page says."""

import re
import sys
from pathlib import Path

from tests.integration.test_publisher import connected, ended
from tests.support.processes import start

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


async def test_the_example_prints_the_records_and_goes_on_where_it_stopped(nats_url: str, tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    example = tmp_path / "example.py"
    example.write_text(code[0])
    async with connected(nats_url) as (_, publisher):
        for number, call_id in enumerate(("c-1", "c-2")):
            assert await publisher.record(ended(call_id))
            process = await start("example", (sys.executable, str(example)), env={"CORDBOARD_NATS_URL": nats_url})
            await process.wait_for_output(f"^{call_id} sip:a@b sip:c@d 200 0.0$")
            await process.stop()
            assert ("c-1" in process.log) == (number == 0)
