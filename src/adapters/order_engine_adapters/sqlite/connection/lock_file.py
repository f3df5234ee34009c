"""The lock file, which names the process that uses a database."""

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
"""How long to wait for commands that read."""
LOOK_SECONDS = 0.02


class FileLock:
    """An exclusive lock on `<database>.lock` for one process, which the kernel releases when the process exits.

    The file is not deleted when the lock is released: that would race with processes that have just opened it. It
    contains the process id and the HTTP address of the holder as JSON.
    """

    def __init__(self, database: Path) -> None:
        """Start unlocked."""
        self._database = database
        self._path = Path(f"{database}.lock")
        self._descriptor: int | None = None
        self._shared: int | None = None
        register_fork_aware(self)

    def acquire(self) -> None:
        """Take the lock. Raises RepositoryHeld if another process has it, Unavailable if the file cannot be opened."""
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
        """Keep writers out while other readers are allowed. Creates no file: without one there is no writer.

        Raises RepositoryHeld if there is a writer, Unavailable if the file cannot be opened.
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
        """Publish the HTTP address of this process. Raises Unavailable if the file cannot be written."""
        if self._descriptor is None:
            return
        try:
            _write(self._descriptor, _content(address))
        except OSError as error:
            raise self._unavailable(error) from error

    def release(self) -> None:
        """Release the lock. Leaves an empty file if this process held it exclusively."""
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
        """Forget the lock in a child, whose descriptor would keep the file locked after the parent's exit."""
        held = [each for each in (self._descriptor, self._shared) if each is not None]
        self._descriptor = self._shared = None
        return held

    def _take(self, descriptor: int) -> None:
        if not self._locked_in_time(descriptor):
            raise RepositoryHeld(str(self._database), *_holder(descriptor))
        _write(descriptor, _content(None))

    def _locked_in_time(self, descriptor: int) -> bool:
        """Lock the file, waiting briefly for readers. Return whether that succeeded."""
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
    """Replace the content and truncate last, so that readers always find a complete JSON value."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)
    os.ftruncate(descriptor, len(content))


def _holder(descriptor: int) -> tuple[int | None, str | None]:
    """Return the holder's process id and address as far as they are readable."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, LONGEST_CONTENT).decode(errors="replace")
    try:
        # Only the first value: a longer previous content may not be truncated yet.
        content, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None, None
    if not isinstance(content, dict):
        return None, None
    process_id, address = content.get("process"), content.get("address")
    return process_id if isinstance(process_id, int) else None, address if isinstance(address, str) else None
