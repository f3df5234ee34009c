"""Every Python example of the README and the docs is a complete program that runs and prints what the page says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PRINTED = "printed"


def compare(example: Example) -> None:
    """Hold an `output` block against what the program before it has printed."""
    assert str(example.parsed) == example.namespace[PRINTED]


def examples(page: Path) -> Iterator[Example]:
    """Yield the programs and the outputs of a page, in order."""
    yield from Document.parse(str(page), PythonCodeBlockParser(), CodeBlockParser("output", compare)).examples()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each program starts with nothing of the one before it, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDER_ENGINE_")}
    monkeypatch.setattr("os.environ", environment)
    printed = ""
    for example in examples(page):
        example.namespace.clear()
        example.namespace.update({PRINTED: printed, "__name__": "__main__"})
        with redirect_stdout(StringIO()) as output:
            example.evaluate()
        printed = output.getvalue()


def test_there_are_examples_to_run() -> None:
    """The README has one at least: a renamed code fence does not switch this file off."""
    assert list(examples(ROOT / "README.md"))
