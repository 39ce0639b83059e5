"""Pages of documentation as their readers find them: headings as anchors, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "web/sdk/README.md")),
    *sorted(ROOT.glob("services/*/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)

_NAMED = re.compile(r"`((?:bench|deploy|docs|scripts|services|shared|tests|web)/[\w./*{},-]+)`")
_CODE = re.compile(r"^(```.*?^```|    .*?)$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings: lower case, hyphens for spaces, without other marks."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def links_of(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links to this repository."""
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", target):
            yield target


def files_of(page: Path) -> Iterator[str]:
    """Yield the files of the repository that a page names in its text, which may be patterns, or modules."""
    yield from _NAMED.findall(page.read_text())


def is_missing(named: str) -> bool:
    """Tell whether nothing in the repository has that name."""
    return not any(True for ending in ("", ".py") for _ in ROOT.glob(named.rstrip("/") + ending))


def is_dead(page: Path, target: str) -> bool:
    """Tell whether a link of a page leads nowhere."""
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    return not file.exists() or bool(anchor and anchor not in anchors_of(file))
