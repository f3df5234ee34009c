"""The pages of this project lead to one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
HEADING_LINK = re.compile(r"\]\((?!https?://)([^)#]*)#([^)]+)\)")
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
URLS: Final[dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
FILES: Final = f"{URLS['Source']}/blob/main/"
"""Where the files of this project are on the web."""
ADVISORIES: Final = f"{URLS['Source']}/security/advisories/new"
PROJECT_LINKS: Final = {
    link
    for page in PAGES
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    if link.startswith(URLS["Source"])
}


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    """A link that is no web address names a file or folder that is there."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    """On the same page or on another one; a heading that was renamed is missed."""
    wrong = []
    for target, heading in HEADING_LINK.findall(page.read_text(encoding="utf-8")):
        other = (page.parent / target) if target else page
        if heading not in _headings(other):
            wrong.append(f"{target}#{heading}")
    assert wrong == []


def _headings(page: Path) -> set[str]:
    """Return the headings of a page as links name them: in lower case, with hyphens, without anything else."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_of_the_docs_is_listed() -> None:
    """The index of the docs leads to each of their pages."""
    docs = ROOT / "docs"
    listed = {(docs / link).resolve() for link in LINK.findall((docs / "index.md").read_text(encoding="utf-8"))}
    pages = {page.resolve() for page in docs.rglob("*.md")} - {docs / "index.md"}
    assert sorted(pages - listed) == []


def test_the_readme_has_no_relative_link() -> None:
    """PyPI shows it too, and has none of the other files."""
    assert re.findall(r"\]\((?!https?://)[^)]*\)", (ROOT / "README.md").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", sorted({*URLS.values(), *PROJECT_LINKS}))
def test_every_link_to_a_file_of_the_project_names_a_file(link: str) -> None:
    """In `[project.urls]` and on every page: a file that was moved is missed."""
    assert link in (URLS["Source"], URLS["Issues"], ADVISORIES) or (ROOT / link.removeprefix(FILES)).is_file()
