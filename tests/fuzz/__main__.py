"""`python -m tests.fuzz TARGET SECONDS`: let atheris look for bytes that break a target, and keep them in var/fuzz.

Without arguments it names the targets.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sip_agent.core", "media_relay.core", "media_relay.browser"]):
    from tests.fuzz.corpus import seeds
    from tests.fuzz.targets import TARGETS

MOST_BYTES = 70_000


def main() -> None:
    if len(sys.argv) == 1:
        print(*TARGETS)
        return
    name, seconds = sys.argv[1:]
    folder = Path("var/fuzz") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=10", "-rss_limit_mb=1024"]
    options += [f"-artifact_prefix=var/fuzz/{name}-", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(folder)], TARGETS[name])
    atheris.Fuzz()


main()
