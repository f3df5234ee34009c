"""The file of refused lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from order_engine_adapters.cli.failures import CommandExit


class RefusedLinesFile:
    """Refused lines with their reasons, as JSON lines beside the import file.

    Written under a temporary name and renamed by `keep`, so that the file is always complete.
    """

    def __init__(self, path: Path) -> None:
        """Collect the refused lines of the file `path`."""
        self.path: Path = path.with_name(f"{path.name}.refused.jsonl")
        self._unfinished = path.with_name(f"{path.name}.refused.jsonl.part")
        self.count: int = 0

    def __enter__(self) -> Self:
        """Create the file. Raises CommandExit if that fails, before anything is imported."""
        try:
            self._file = self._unfinished.open("w", encoding="utf-8")
        except OSError as error:
            raise self._ending(error) from error
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        try:
            self._file.close()
        except OSError as closing:
            if error is None:
                raise self._ending(closing) from closing
        finally:
            self._unfinished.unlink(missing_ok=True)

    def add(self, number: int, text: bytes, problem: Mapping[str, object]) -> None:
        """Write one line: its number, its problem document, and its text with invalid UTF-8 escaped."""
        entry = {"line": number, "problem": problem, "text": text.decode(errors="backslashreplace")}
        self.count += 1
        try:
            self._file.write(f"{json.dumps(entry)}\n")
        except OSError as error:
            raise self._ending(error) from error

    def keep(self) -> None:
        """Rename the file; without refused lines, remove that of an earlier run."""
        try:
            self._file.close()
            if self.count:
                self._unfinished.replace(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._ending(error) from error

    def _ending(self, error: OSError) -> CommandExit:
        return CommandExit(f"Cannot write the refused lines to {self.path}: {error.strerror}.")
