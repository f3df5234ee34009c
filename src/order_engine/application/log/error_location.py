"""Location of an error in the user's code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

_CORE: Final = str(Path(__file__).resolve().parents[2]) + os.sep
_ADAPTERS: Final = f"{os.sep}order_engine_adapters{os.sep}"
_STANDARD_LIBRARY: Final = str(Path(os.__file__).resolve().parent) + os.sep
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class ErrorLocation(NamedTuple):
    """File, line and function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """Format as `file:line in function`, with a path relative to the working directory if possible."""
        return f"{_shortened(self.file)}:{self.line} in {self.function}"


def user_traceback(error: BaseException) -> TracebackType | None:
    """Return the traceback of the error, starting at the user's code; None if it contains none."""
    traceback = error.__traceback__
    while traceback is not None and not _is_users(traceback.tb_frame.f_code.co_filename):
        traceback = traceback.tb_next
    return traceback


def user_location(error: BaseException) -> ErrorLocation | None:
    """Return the innermost location of the user's code in the error's traceback; None if there is none.

    Files that are not installed are the user's. If there are none, the processor itself is installed, and files of the
    package that was called first count as the user's.
    """
    places = [place for place in _places(user_traceback(error)) if _is_users(place.file)]
    packages = [_package_of(place.file) for place in places]
    if not places:
        return None
    home = None if None in packages else packages[0]
    return next(place for place, package in zip(reversed(places), reversed(packages), strict=True) if package == home)


def _places(traceback: TracebackType | None) -> Iterator[ErrorLocation]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield ErrorLocation(code.co_filename, traceback.tb_lineno, code.co_qualname)
        traceback = traceback.tb_next


def _is_users(file: str) -> bool:
    if file.startswith((_CORE, "<frozen ")) or _ADAPTERS in file:
        return False
    return not file.startswith(_STANDARD_LIBRARY) or _package_of(file) is not None


def _package_of(file: str) -> str | None:
    """Return the installed package or module that contains the file; None for files that are not installed."""
    for folder in _INSTALLED:
        before, found, within = file.rpartition(folder)
        if found:
            return before + folder + within.partition(os.sep)[0]
    return None


def _shortened(file: str) -> str:
    try:
        return file.removeprefix(f"{Path.cwd()}{os.sep}")
    except OSError:
        # The working directory no longer exists.
        return file
