"""Whatever the pages and the examples show can be written with public names alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from docs.public_api import DOORS
from tests.unit.docs.pages import PAGES, ROOT, blocks, name_of

PROGRAMS = {
    f"{name_of(page)}, block {number}": block.text
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"))
} | {name_of(path): path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").rglob("*.py"))}


def _modules_of_ours(program: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(program)):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("order_engine"))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_users_read_imports_from_doors_only(program: str) -> None:
    """Everything else may be renamed without notice."""
    assert set(_modules_of_ours(program)) <= set(DOORS)


def test_there_are_programs_to_look_at() -> None:
    """Pages and examples are found, and they do import something."""
    assert {name for program in PROGRAMS.values() for name in _modules_of_ours(program)} >= {
        "order_engine",
        "order_engine.ports",
        "order_engine.contracts",
        "order_engine_adapters",
    }
