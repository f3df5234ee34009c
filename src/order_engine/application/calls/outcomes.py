"""Items that wait for their outcome, and the delivery of outcomes to callers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Protocol, TypeAlias, TypeVar

from order_engine.domain.errors import OrderEngineError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Outcome_contra = TypeVar("Outcome_contra", contravariant=True)


class Receiver(Protocol[Outcome_contra]):
    """Receiver of the outcome of one item, such as a future."""

    def done(self) -> bool:
        """Return whether the outcome is no longer needed."""
        ...

    def set_result(self, result: Outcome_contra, /) -> None:
        """Receive the outcome."""
        ...

    def set_exception(self, exception: BaseException, /) -> None:
        """Receive an error instead of the outcome."""
        ...


Waiting: TypeAlias = tuple[Item, int, Receiver[Outcome], float]
"""Item, size in bytes, receiver, and start of the wait. A plain tuple, since two are created per order."""
Batch: TypeAlias = Sequence[Waiting[Item, Outcome]]
Outcomes: TypeAlias = Sequence[Outcome | OrderEngineError]


def answer(receiver: Receiver[Outcome], outcome: Outcome | OrderEngineError) -> None:
    """Deliver the outcome to the receiver unless it is done."""
    if receiver.done():
        return
    if isinstance(outcome, OrderEngineError):
        receiver.set_exception(for_one_caller(outcome))
    else:
        receiver.set_result(outcome)


def fail(batch: Iterable[Waiting[Item, Outcome]], error: OrderEngineError) -> None:
    """Deliver an error to all receivers of the batch."""
    for _, _, receiver, _ in batch:
        answer(receiver, error)


def for_one_caller(error: OrderEngineError) -> OrderEngineError:
    """Return a copy of the error for one caller, since a raised exception collects its caller's traceback."""
    own = copy(error)
    own.__cause__ = error.__cause__ or error
    return own
