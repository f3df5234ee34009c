"""What a forked child keeps of its parent."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from order_engine_adapters.process.forks import register_fork_aware
from order_engine_adapters.sqlite.connection.lock_file import FileLock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

NOTHING = Path(os.devnull).stat().st_rdev


class Owner:
    """Has one descriptor."""

    def __init__(self, descriptor: int) -> None:
        """Keep it from children."""
        self.descriptor = descriptor
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Return it."""
        return [self.descriptor]


class Broken:
    """An object whose cleanup fails."""

    def __init__(self) -> None:
        """Keep nothing from children."""
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Fail."""
        raise ValueError


def in_child(holds: Callable[[], bool]) -> bool:
    """Return a result from a forked child."""
    with warnings.catch_warnings():
        # From Python 3.12 on it is told of that a process with threads forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(0 if holds() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_lets_go_of_a_descriptor_and_keeps_its_number() -> None:
    """Its number is not free for another file, which an inherited object would close one day."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        owner = Owner(ours.fileno())
        assert in_child(lambda: os.fstat(owner.descriptor).st_rdev == NOTHING)
        # The parent still has it.
        ours.sendall(b"!")
        assert theirs.recv(1) == b"!"


def test_one_that_fails_does_not_keep_others_from_it() -> None:
    """All other objects are cleaned up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        kept = [Broken(), Owner(ours.fileno()), Broken()]
        assert in_child(lambda: os.fstat(ours.fileno()).st_rdev == NOTHING)
        assert kept


def test_a_lock_is_not_inherited(tmp_path: Path) -> None:
    """A child does not keep the file locked that its parent releases, and releases nothing itself."""
    lock, next_one = FileLock(tmp_path / "orders.db"), FileLock(tmp_path / "orders.db")
    lock.acquire()
    ours, theirs = socket.socketpair()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        ours.close()
        lock.release()
        theirs.sendall(b"!")
        theirs.recv(1)
        os._exit(0)
    with ours, theirs:
        assert ours.recv(1) == b"!"
        assert (tmp_path / "orders.db.lock").read_bytes()
        lock.release()
        next_one.acquire()
        next_one.release()
        ours.sendall(b"!")
        os.waitpid(child, 0)
