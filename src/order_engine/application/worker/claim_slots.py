"""Slots that are reserved for one claim, from before it is made until its outcome is known."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from order_engine.application.worker.attempts import Attempts
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.errors import AdapterFault, OutcomeUnknown


class ClaimSlots:
    """Context that reserves slots for a claim, and releases them however its body ends.

    Slots stay reserved only if the outcome of the claim is unknown: it may lease orders that no worker processes. Then
    `unanswered` receives these slots, and must call `release` once the outcome is known.
    """

    def __init__(
        self,
        attempts: Attempts,
        terms: ClaimTerms,
        asked: float,
        unanswered: Callable[[ClaimSlots], None],
        freed: Callable[[], None],
    ) -> None:
        """Reserve `terms.limit` slots of `attempts`. `asked` is the monotonic time of the claim.

        `freed` is called when they are released.
        """
        self.terms = terms
        self.asked = asked
        self.after: str | None = None
        """The last order received, if the answer arrives in portions."""
        self.is_in_doubt = False
        """Whether the claim may lease orders that were not started, although the body raises no such error."""
        self._attempts = attempts
        self._unanswered = unanswered
        self._freed = freed
        self._reserved = 0

    def __enter__(self) -> Self:
        """Reserve the slots."""
        self._reserved = self.terms.limit
        self._attempts.reserve(self._reserved)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the slots that are still reserved, or keep them if the outcome is unknown."""
        if self._reserved and (self.is_in_doubt or isinstance(error, OutcomeUnknown | AdapterFault)):
            self._unanswered(self)
        else:
            self.release()

    def release(self) -> None:
        """Release the slots. Repeated calls do nothing."""
        if self._reserved:
            reserved, self._reserved = self._reserved, 0
            self._attempts.unreserve(reserved)
            self._freed()
