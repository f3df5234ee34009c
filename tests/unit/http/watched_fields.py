"""The header fields that an application asks for, and those that it answers with, whichever test makes it do so."""

from __future__ import annotations

from typing import Final

ASKED_FOR: Final[set[bytes]] = set()
ANSWERED: Final[set[bytes]] = set()


class WatchedName(bytes):
    """The name of a field of a request, which notes what it is compared with: that is what somebody wants to read."""

    __slots__ = ()
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        """Compare as ever."""
        if isinstance(other, bytes):
            ASKED_FOR.add(bytes(other))
        return super().__eq__(other)
