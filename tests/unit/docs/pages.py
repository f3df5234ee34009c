"""The pages of this project, and what stands on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
BLOCK: Final = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN: Final = re.compile(r"`([^`\n]+)`")
COMMENT: Final = re.compile(r"\s{2,}#.*")
CONTINUED: Final = re.compile(r"\\\n\s*")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def name_of(page: Path) -> str:
    """Return the page's path in the project."""
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    """Return the whole text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """Yield the blocks of a page in these languages."""
    for found in BLOCK.finditer(text_of(page)):
        if found["language"] in languages:
            yield Block(found["language"], found["text"])


def spans(page: Path) -> list[str]:
    """Return what the sentences of a page write as code."""
    return SPAN.findall(BLOCK.sub("", text_of(page)))


class Line(NamedTuple):
    """A command as a page writes it."""

    text: str
    is_whole: bool
    """Whether it stands in a block, to be typed as it is; a sentence may only name a command."""


def command_lines(page: Path, *languages: str) -> Iterator[Line]:
    """Yield every command of a page: those in blocks for a shell, and those that its sentences write as code."""
    for block in blocks(page, *(languages or ("sh", "console"))):
        for line in CONTINUED.sub("", block.text).splitlines():
            if block.language == "sh" or line.startswith("$ "):
                yield Line(COMMENT.sub("", line.removeprefix("$ ")).strip(), is_whole=True)
    programs = ("order-engine ", "./run ", "make ", "python -m ")
    yield from (Line(span, is_whole=False) for span in spans(page) if span.startswith(programs))
