"""Reading of the import file line by line, compressed or not."""

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
"""Recorded bytes of a line that is too long."""
SKIPPED_AT_ONCE = 64 * 1024
LINE_END = len(b"\r\n")


class TruncatedLine(NamedTuple):
    """A line over the limit, reduced to its beginning."""

    number: int
    beginning: bytes


class DamagedArchive(Exception):
    """The gzip file is truncated or corrupt."""

    def __init__(self, error: Exception, consequence: str = "") -> None:
        """Take the error of the decompression and its consequence."""
        self.error = error
        reason = str(error).rstrip(".")
        super().__init__(f"the gzip file is damaged{consequence} ({reason})")


class OrderFile:
    """The open import file."""

    def __init__(self, path: Path, longest_line: int) -> None:
        """Read `path`. Lines over `longest_line` bytes are truncated."""
        self._path = path
        self._longest = longest_line
        self._digest: str | None = None

    def __enter__(self) -> Self:
        """Open the file. Raises OSError, and CommandExit if it is not a regular file."""
        self._file = self._path.open("rb")
        try:
            self.size: int = self._checked_size()
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
        """Number of bytes read from the file, compressed if it is."""
        return self._file.tell()

    def digest(self) -> str:
        """Return the SHA-256 of the content. The first call reads the whole file. Raises DamagedArchive."""
        if self._digest is None:
            try:
                with self._path.open("rb") as file:
                    self._digest = hashlib.file_digest(_unpacked(file), "sha256").hexdigest()
            except DAMAGE as error:
                raise DamagedArchive(error) from error
        return self._digest

    def lines(self) -> Iterator[InputLine | TruncatedLine]:
        """Yield the lines that are not blank. Raises DamagedArchive."""
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
    """Yield lines in chunks. Lines before an error of `lines` are yielded before the error is raised."""
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
