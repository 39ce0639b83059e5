"""Links of the documentation lead somewhere, and what it names is there."""

import re
from pathlib import Path

import pytest
from deploy.monitoring.dashboards import DASHBOARDS
from tests.support.markdown import PAGES, ROOT, anchors_of, files_of, is_dead, is_missing, links_of

OPERATIONS = ROOT / "docs" / "operations.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target for target in links_of(page) if is_dead(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    assert [named for named in files_of(page) if is_missing(named)] == []


def test_run_books_name_panels_that_there_are() -> None:
    _, *sections = re.split(r"^### (?=Cordboard)", OPERATIONS.read_text(), flags=re.MULTILINE)
    titles = [panel.title for dashboard in DASHBOARDS for panel in dashboard.panels]
    titles += [dashboard.title.removeprefix("Cordboard: ") for dashboard in DASHBOARDS]
    named = [name for section in sections for name in re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", section)]
    assert len(named) > 5
    assert [name for name in named if not any(title.startswith(name) for title in titles)] == []


def test_what_is_not_there_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Some heading, in `code`\n[a](#some-heading-in-code) [b](#another) [c](page.md#some) [d](no.md)\n"
    )
    assert anchors_of(page) == {"some-heading-in-code"}
    assert [target for target in links_of(page) if is_dead(page, target)] == ["#another", "page.md#some", "no.md"]
    page.write_text("`tests/unit/test_docs.py` `tests/unit/test_docs` `docs/*.md` `docs/none.md` `deploy/none`")
    assert [named for named in files_of(page) if is_missing(named)] == ["docs/none.md", "deploy/none"]
