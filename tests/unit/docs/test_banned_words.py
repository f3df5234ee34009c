"""No comment, message or page uses a word that the glossary replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import words
from tests.unit.docs.pages import ROOT, name_of


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("page.md", "fine\nCounts all orders anew.\n", [(2, "anew")]),
        ("page.md", "`anew` is a name here\n", []),
        ("page.md", "```py\ntold = 1\n```\nAnew.\n", [(4, "Anew")]),
        ("page.md", "RFC 0 says: told. <!-- word kept: a quotation -->\n", []),
        ("page.md", "told <!-- word kept: -->\n", [(1, "told")]),
        ("code.py", '"""One.\n\n    The client is Told.\n    """\n', [(3, "Told")]),
        ("code.py", "told = {}  # what anybody tells\n", [(1, "tells")]),
        ("code.py", 'print(f"the store {1}")\n', [(1, "the store")]),
        ("code.py", 'print(f"{told}: anew")\n', [(1, "anew")]),
        ("code.py", "anewly = 'storehouse'\n", []),
    ],
)
def test_words_are_found_where_a_person_reads_them(
    name: str, text: str, found: list[tuple[int, str]], tmp_path: Path
) -> None:
    """In pages, comments and strings, whatever their case; not in code, and not where a line has a reason."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert [(each.line, each.word) for each in words.findings([path])] == found


def test_every_page_and_module_is_checked() -> None:
    """But for the glossary, which lists the words."""
    checked = {name_of(path) for path in words.files(ROOT)}
    assert {"README.md", "CHANGELOG.md", "docs/index.md", "src/order_engine/__init__.py"} <= checked
    assert name_of(words.GLOSSARY) not in checked


def test_no_text_has_a_word_to_avoid() -> None:
    """In the whole project; each finding says what to write instead."""
    assert [str(each) for each in words.findings(sorted(words.files(ROOT)))] == []
