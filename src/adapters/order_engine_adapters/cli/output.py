"""Output on standard output: JSON for machines, lines for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from typing import Any

import click


def print_json(document: str) -> None:
    """Print a JSON document on one line, with unprintable characters escaped."""
    # Unprintable characters occur only in strings, where escapes are equivalent; line ends occur between tokens.
    line = document if document.isprintable() else "".join(map(_as_json, document))
    click.echo(line)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        click.echo(line)


def read_document(document: str) -> dict[str, Any]:
    """Return the members of a response."""
    members: dict[str, Any] = json.loads(document)
    return members


def exact_member(document: str, name: str) -> str:
    """Return a member of a response as JSON text with exact numbers; an empty text for null."""
    value = json.loads(document, parse_int=_ExactNumber, parse_float=_ExactNumber)[name]
    return "" if value is None else _exact_json(value)


def terminal_width() -> int | None:
    """Return the terminal width; None if the output is not a terminal and must not be truncated."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class _ExactNumber(str):
    """A number as written in the document."""

    __slots__ = ()


def _exact_json(value: object) -> str:
    if isinstance(value, _ExactNumber):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_exact_json(name)}: {_exact_json(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_exact_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _as_json(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\n\r\t" else json.dumps(character)[1:-1]
