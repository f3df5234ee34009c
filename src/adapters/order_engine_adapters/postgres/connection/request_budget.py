"""How the time limit of a request is divided among the waits of a call to PostgreSQL.

Every limit of a call is a part of `request_seconds`, so that a request that may take longer waits longer at each step.
A call ends before the engine gives it up: the adapter alone knows what was under way, and whether it may have taken
effect. What belongs to no request, such as a migration, has limits of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LARGEST_MILLISECONDS: Final = 2**31 - 1
"""The server's limits are integers."""


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """The time limits of one call. All are seconds; the figures in brackets are those of the default."""

    request_seconds: float = 10.0
    """The time limit of a request, which the engine gives each call of the repository."""

    @property
    def call(self) -> float:
        """Of a whole call, the wait for a connection included (9.5). The rest is left for the answer to arrive."""
        return 0.95 * self.request_seconds

    @property
    def connecting(self) -> float:
        """Of opening a connection, all hosts together, where the URL has no `connect_timeout` (4.5).

        Less than `taking`, so that a call still gets the connection of the last host. At least a second, which TLS and
        a password may need: the connection is kept for later requests where this one could not wait for it.
        """
        return max(0.45 * self.request_seconds, 1.0)

    @property
    def taking(self) -> float:
        """Of waiting for a connection while all are in use (5). As much is left to use it."""
        return 0.5 * self.request_seconds

    @property
    def checking(self) -> float:
        """Of the answer of an idle connection that is in doubt (1). Never longer: a new connection takes its place."""
        return min(0.1 * self.request_seconds, 1.0)

    @property
    def working(self) -> float:
        """Of everything that a call does on its connection (7). The rest is left for the wait for the connection."""
        return 0.7 * self.request_seconds

    @property
    def statement(self) -> float:
        """Of one statement (6.5). Less than `working`, so that the transaction can still be ended in order."""
        return 0.65 * self.request_seconds

    @property
    def looking(self) -> float:
        """Of finding out which names of a batch are locked (2). The orders that are not are stored afterwards."""
        return min(0.2 * self.request_seconds, 2.0)

    @property
    def looking_back(self) -> float:
        """By how much a claim begins before the time up to which an earlier one has looked through everything (10).

        Longer than a call may take from the time that it stamps to its commit. At least ten seconds, since another
        process may have a longer limit than this one.
        """
        return max(self.request_seconds, 10.0)

    @property
    def session(self) -> Mapping[str, str]:
        """The server's own limits of a session, which bound what a client that is gone leaves behind.

        A statement ends when the call that waits for it has ended (7). A wait for a lock is shorter (3): so the call
        can say what it waited for, and a host's transaction that stays open does not hold up for long whoever places
        the same order. A transaction may be idle for longer than any call of ours lasts (15).
        """
        return {
            "statement_timeout": _milliseconds(self.working),
            "lock_timeout": _milliseconds(0.3 * self.request_seconds),
            "idle_in_transaction_session_timeout": _milliseconds(1.5 * self.request_seconds),
        }


DEFAULT_BUDGET: Final = RequestBudget()


def _milliseconds(seconds: float) -> str:
    """Return a limit as PostgreSQL reads it: at least 1, since 0 is none."""
    return str(min(max(1, round(seconds * 1000)), LARGEST_MILLISECONDS))
