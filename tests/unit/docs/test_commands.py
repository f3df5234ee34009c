"""The commands that the pages show can be typed: each is there, with its flags, and with values that it takes."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from order_engine.domain.setting import settings_of
from order_engine_adapters import Settings
from order_engine_adapters.cli.program import program
from tests.unit.docs.pages import PAGES, ROOT, command_lines, name_of

ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
TARGET = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)
FLAG = re.compile(r"--[a-z][a-z-]+")

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def leaves(command: click.Command) -> Iterator[click.Command]:
    """Yield every command that does something, at any depth."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from leaves(below)
    if command.callback is not None:
        yield command


def words_of(line: str, program_name: str) -> list[str] | None:
    """Return the words behind the name of a program; None where the line is none of its."""
    words = shlex.split(line)
    while words and ASSIGNMENT.fullmatch(words[0]):
        del words[0]
    return words[1:] if words and words[0] == program_name else None


@every_page
def test_the_commands_of_a_page_are_taken(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command line itself, which does nothing else here; settings are checked as at a start."""
    monkeypatch.chdir(tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORDER_ENGINE_")}
    monkeypatch.setattr("os.environ", kept)
    taken: list[Mapping[str, Any]] = []
    for command in leaves(program):
        monkeypatch.setattr(command, "callback", lambda **arguments: taken.append(arguments))
    for line, is_whole in command_lines(page):
        words = words_of(line, "order-engine")
        if words is None or "…" in line or "..." in line:
            continue
        taken.clear()
        _make_files(tmp_path, words)
        result = CliRunner().invoke(program, words, prog_name="order-engine")
        only_named = not is_whole and "Missing" in result.output
        assert result.exit_code == 0 or only_named, f"{line}: {result.output}"
        for arguments in taken:
            given = {name: value for name, value in arguments.items() if name in settings_of(Settings) and value}
            Settings.from_environment(**given)


def _make_files(folder: Path, words: list[str]) -> None:
    """Let the files be there that an import reads."""
    if words[0] == "import" and len(words) > 1:
        (folder / words[1]).touch()


@every_page
def test_the_programs_of_a_page_are_there(page: Path) -> None:
    """What `make`, `./run` and `python -m` are told to do is in this project, and so are the flags that they get."""
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for line, _ in command_lines(page):
        if (words := words_of(line, "make")) is not None:
            assert [word for word in words if word.islower() and word not in targets] == [], line
        if (words := words_of(line, "./run")) is not None:
            assert words[:1] in ([], ["serve"], ["test"]), line
        if (words := words_of(line, "python")) is not None and words[:1] == ["-m"]:
            _check_module(line, *words[1:])


def _check_module(line: str, module: str, *words: str) -> None:
    if module == "pip":
        return
    spec = find_spec(module)
    assert spec is not None, line
    program_of = spec.submodule_search_locations
    folder = Path(next(iter(program_of))) if program_of else None
    files = sorted(folder.rglob("*.py")) if folder else [Path(spec.origin or "")]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    assert [flag for flag in FLAG.findall(" ".join(words)) if f'"{flag}"' not in source] == [], line


def test_there_are_commands_to_check() -> None:
    """A renamed fence does not switch this file off."""
    found = {words[0] for page in PAGES for line, _ in command_lines(page) if (words := words_of(line, "order-engine"))}
    assert {"serve", "worker", "import", "orders", "metrics", "keys", "migrate", "config", "simulate"} <= found
