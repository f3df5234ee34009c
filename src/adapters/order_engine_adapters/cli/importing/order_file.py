"""Reading the file of an import: line by line, packed or not, never more than one line at a time."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from order_engine_adapters.cli.failures import CommandExit
from order_engine_adapters.cli.target.outcomes import InputLine

GZIP_MAGIC = b"\x1f\x8b"
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
BLANK = b" \t\r\n"
BEGINNING = 1024
"""Bytes that are kept of a line that is too long to be kept."""
SKIPPED_AT_ONCE = 64 * 1024
LINE_END = len(b"\r\n")


class TruncatedLine(NamedTuple):
    """A line over the limit, of which only the beginning is here."""

    number: int
    beginning: bytes


class DamagedArchive(Exception):
    """The packed file breaks off or is corrupt."""

    def __init__(self, error: Exception, consequence: str = "") -> None:
        """Say what follows from it, and what the unpacking said."""
        self.error = error
        reason = str(error).rstrip(".")
        super().__init__(f"the gzip file is damaged{consequence} ({reason})")


class OrderFile:
    """The file of an import while it is open."""

    def __init__(self, path: Path, longest_line: int) -> None:
        """Read `path`; lines of over `longest_line` bytes are not read whole."""
        self._path = path
        self._longest = longest_line
        self._digest: str | None = None

    def __enter__(self) -> Self:
        """Open the file. Raises OSError, and Ending for what is no regular file."""
        self._file = self._path.open("rb")
        try:
            self.size = self._checked_size()
            self._lines = _unpacked(self._file)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        self._lines.close()
        self._file.close()

    @property
    def position(self) -> int:
        """How many bytes of the file, as it lies on the disk, are read."""
        return self._file.tell()

    def digest(self) -> str:
        """Return the SHA-256 of the file's content; the first call reads the file once more. Raises Damaged."""
        if self._digest is None:
            try:
                with self._path.open("rb") as file:
                    self._digest = hashlib.file_digest(_unpacked(file), "sha256").hexdigest()
            except DAMAGE as error:
                raise DamagedArchive(error) from error
        return self._digest

    def lines(self) -> Iterator[InputLine | TruncatedLine]:
        """Yield the lines that are not blank. Raises Damaged."""
        number = 0
        try:
            while text := self._lines.readline(self._longest + LINE_END):
                number += 1
                whole = text.endswith(b"\n") or len(text) < self._longest + LINE_END
                if not whole or len(text.rstrip(b"\r\n")) > self._longest:
                    self._skip_line(text)
                    yield TruncatedLine(number, text.rstrip(b"\r\n")[:BEGINNING])
                elif text.strip(BLANK):
                    yield InputLine(number, text.removesuffix(b"\n").removesuffix(b"\r"))
        except DAMAGE as error:
            raise DamagedArchive(error, f" after line {number}") from error

    def _checked_size(self) -> int:
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            sentence = f"{self._path} is not a regular file. An import may need to read the file twice."
            raise CommandExit(sentence)
        return status.st_size

    def _skip_line(self, read: bytes) -> None:
        while read and not read.endswith(b"\n"):
            read = self._lines.readline(SKIPPED_AT_ONCE)


def _unpacked(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    return gzip.GzipFile(fileobj=file) if packed else file


def in_chunks(
    lines: Iterable[InputLine | TruncatedLine], most_lines: int, most_bytes: int
) -> Iterator[Sequence[InputLine | TruncatedLine]]:
    """Yield lines by the chunk. What came before an error of `lines` is yielded before the error is raised."""
    chunk: list[InputLine | TruncatedLine] = []
    size = 0
    try:
        for line in lines:
            length = len(line[1])
            if chunk and (len(chunk) >= most_lines or size + length > most_bytes):
                yield chunk
                chunk, size = [], 0
            chunk.append(line)
            size += length
    except DamagedArchive:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
