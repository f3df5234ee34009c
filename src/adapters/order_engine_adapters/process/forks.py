"""Cleanup in forked children: locks, sockets and signal handlers of the parent.

A processor may fork, for example with `multiprocessing`. A child that outlives its parent would keep the database
locked and the port in use, and connections closed by the parent would stay open for their clients.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """An object with resources of a single process."""

    def after_fork_in_child(self) -> Iterable[int]:
        """Reset the object in a forked child. Return the file descriptors that the child must not keep.

        Runs in the child only.
        """
        ...


_owners: WeakSet[ForkAware] = WeakSet()


def register_fork_aware(owner: ForkAware) -> None:
    """Clean up `owner` in every child forked from now on, while `owner` exists."""
    _owners.add(owner)


def _release_in_child() -> None:
    for owner in list(_owners):
        _owners.discard(owner)
        # An error could only be printed here, and the other objects have resources to release, too.
        with suppress(Exception):
            _replace(owner.after_fork_in_child())


def _replace(descriptors: Iterable[int]) -> None:
    """Replace the open files of these descriptors by /dev/null.

    Inherited objects close their descriptors some day. A closed number could belong to another file by then.
    """
    found = list(descriptors)
    if not found:
        return
    # Non-blocking, as asyncio requires of the wakeup descriptor for signals.
    nothing = os.open(os.devnull, os.O_RDWR | os.O_NONBLOCK)
    for descriptor in found:
        with suppress(OSError):
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
