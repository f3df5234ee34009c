"""The file of an import, as it is read: lines, their numbers and limits, and the chunks that they go in."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_engine_adapters.cli.importing.order_file import (
    BEGINNING,
    DamagedArchive,
    OrderFile,
    TruncatedLine,
    in_chunks,
)
from order_engine_adapters.cli.target.outcomes import InputLine

LONGEST = 20


def _read(path: Path, content: bytes, *, packed: bool = False) -> list[InputLine | TruncatedLine]:
    path.write_bytes(gzip.compress(content) if packed else content)
    with OrderFile(path, LONGEST) as file:
        return list(file.lines())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_are_counted_as_an_editor_counts_them(folder: Path, end: bytes, *, packed: bool) -> None:
    """Blank ones too, although they are passed over; a line comes without its end, the last one may have none."""
    content = end.join([b"one", b"", b" \t", b"four ", b"five"])
    expected = [InputLine(1, b"one"), InputLine(4, b"four "), InputLine(5, b"five")]
    assert _read(folder / "orders", content, packed=packed) == expected
    assert _read(folder / "orders", content + end, packed=packed) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_end_of_a_line_does_not_count_for_its_limit(folder: Path, end: bytes) -> None:
    """A line of exactly the limit is whole, one byte more is too long; what comes after it is not touched."""
    longest, longer = b"x" * LONGEST, b"x" * (LONGEST + 1)
    assert _read(folder / "orders", longest + end) == [InputLine(1, longest)]
    assert _read(folder / "orders", longer + end) == [TruncatedLine(1, longer)]
    if end:
        found = _read(folder / "orders", end.join([longer * 9, longest, b"last"]))
        assert [(each.number, type(each)) for each in found] == [(1, TruncatedLine), (2, InputLine), (3, InputLine)]
        assert [len(each[1]) <= BEGINNING for each in found] == [True] * 3


def test_progress_is_told_by_bytes_on_the_disk(folder: Path) -> None:
    """So the bar of a packed file ends at its end."""
    path = folder / "orders.gz"
    path.write_bytes(gzip.compress(b"a line like the other\n" * 10_000))
    with OrderFile(path, 100) as file:
        for _ in file.lines():
            assert file.position <= file.size
        assert file.position == file.size


def test_chunks_are_bounded_in_lines_and_in_bytes() -> None:
    """Each for itself: what was in an earlier chunk counts no more. A line over the bound goes alone."""
    lines = [InputLine(number, b"x" * length) for number, length in enumerate((4, 4, 4, 4, 4, 30, 1, 1, 1, 1), start=1)]
    chunks = [[line.number for line in chunk] for chunk in in_chunks(lines, 3, 10)]
    assert chunks == [[1, 2], [3, 4], [5], [6], [7, 8, 9], [10]]


def test_what_came_before_the_damage_is_a_chunk() -> None:
    """Then the error is raised."""

    def lines() -> Iterator[InputLine | TruncatedLine]:
        yield InputLine(1, b"one")
        raise DamagedArchive(EOFError())

    chunks = in_chunks(lines(), 10, 100)
    assert next(chunks) == [InputLine(1, b"one")]
    with pytest.raises(DamagedArchive):
        next(chunks)
