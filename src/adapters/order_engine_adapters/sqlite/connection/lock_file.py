"""The lock file that tells who holds a database."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from order_engine.domain.errors import RepositoryHeld, Unavailable
from order_engine_adapters.process.forks import register_fork_aware
from order_engine_adapters.sqlite.connection.file_lock import try_lock, try_share, unlock

LONGEST_CONTENT = 4096
READERS_SECONDS = 2.0
"""How long commands that read are waited for."""
LOOK_SECONDS = 0.02


class FileLock:
    """Holds the file `<database>.lock` for one process, which the kernel lets go of at whatever death.

    The file itself stays when the lock is released: deleting it would race with whoever has just opened it. It tells
    the holder's process id and the address where it answers HTTP, as JSON.
    """

    def __init__(self, database: Path) -> None:
        """Hold nothing yet."""
        self._database = database
        self._path = Path(f"{database}.lock")
        self._descriptor: int | None = None
        self._shared: int | None = None
        register_fork_aware(self)

    def acquire(self) -> None:
        """Take the lock. Raises RepositoryHeld where somebody has it, Unavailable where the file cannot be opened."""
        descriptor = self._opened()
        try:
            self._take(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise self._unavailable(error) from error
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def share(self) -> None:
        """Keep writers out while others may read too. Makes no file: where there is none, nobody writes.

        Raises RepositoryHeld where somebody writes, Unavailable where the file cannot be opened.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unavailable(error) from error
        if not try_share(descriptor):
            holder = _holder(descriptor)
            os.close(descriptor)
            raise RepositoryHeld(str(self._database), *holder)
        self._shared = descriptor

    def announce(self, address: str) -> None:
        """Tell others where the holder answers. Raises Unavailable where the file cannot be written."""
        if self._descriptor is None:
            return
        try:
            _write(self._descriptor, _content(address))
        except OSError as error:
            raise self._unavailable(error) from error

    def release(self) -> None:
        """Let go, leaving an empty file where this process alone had it."""
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def after_fork_in_child(self) -> Iterable[int]:
        """Hold nothing in a child: its copy of the descriptor alone would keep the file locked when the parent ends."""
        held = [each for each in (self._descriptor, self._shared) if each is not None]
        self._descriptor = self._shared = None
        return held

    def _take(self, descriptor: int) -> None:
        if not self._locked_in_time(descriptor):
            raise RepositoryHeld(str(self._database), *_holder(descriptor))
        _write(descriptor, _content(None))

    def _locked_in_time(self, descriptor: int) -> bool:
        """Lock the file, after those that read it for a moment; return whether nobody holds it."""
        last = time.monotonic() + READERS_SECONDS
        while not try_lock(descriptor):
            if not try_share(descriptor) or time.monotonic() > last:
                return False
            # Only readers have locked it. One of several waiting processes gets the lock.
            unlock(descriptor)
            time.sleep(LOOK_SECONDS)
        return True

    def _opened(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"Cannot access the lock file {self._path} ({error.strerror}). "
            "Grant this user write permission for the file and its folder, or use another database."
        )


def _content(address: str | None) -> bytes:
    return json.dumps({"process": os.getpid(), "address": address}).encode()


def _write(descriptor: int, content: bytes) -> None:
    """Replace the content, cutting the old one off last: at no moment does a reader find less than one JSON value."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)
    os.ftruncate(descriptor, len(content))


def _holder(descriptor: int) -> tuple[int | None, str | None]:
    """Return the holder's process id and address as far as they can be read."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, LONGEST_CONTENT).decode(errors="replace")
    try:
        # Only the first value: a longer previous content may not be truncated yet.
        told, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None, None
    if not isinstance(told, dict):
        return None, None
    process_id, address = told.get("process"), told.get("address")
    return process_id if isinstance(process_id, int) else None, address if isinstance(address, str) else None
