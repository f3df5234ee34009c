"""What a forked child may not keep of its parent: locks, sockets, signal handlers.

A processor may fork, as `multiprocessing` does. A child that outlives its parent would keep the parent's database
locked and its address taken, and a connection that the parent closes would stay open for its client.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """Has something that belongs to one process alone."""

    def after_fork_in_child(self) -> Iterable[int]:
        """Forget, in a forked child, what is the parent's; return the file descriptors that the child may not keep.

        Everything that this does happens in the child alone.
        """
        ...


_owners: WeakSet[ForkAware] = WeakSet()


def register_fork_aware(owner: ForkAware) -> None:
    """Take from every child that is forked from now on what `owner` has, for as long as `owner` lives."""
    _owners.add(owner)


def _release_in_child() -> None:
    for owner in list(_owners):
        _owners.discard(owner)
        # An error could only be printed here, and the other objects have resources to release, too.
        with suppress(Exception):
            _replace(owner.after_fork_in_child())


def _replace(descriptors: Iterable[int]) -> None:
    """Let go of what these are open on, and leave them open on nothing.

    The objects that the child has inherited know their numbers and close them some day: a number that was free would
    by then be that of another file.
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
