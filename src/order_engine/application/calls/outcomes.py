"""Items that wait for their outcome, and how each caller gets its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Protocol, TypeAlias, TypeVar

from order_engine.domain.errors import OrderEngineError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Outcome_contra = TypeVar("Outcome_contra", contravariant=True)


class Receiver(Protocol[Outcome_contra]):
    """Takes the outcome of one item: a future does, and anything that looks like one."""

    def done(self) -> bool:
        """Whether nobody wants the outcome any more."""
        ...

    def set_result(self, result: Outcome_contra, /) -> None:
        """Take the outcome."""
        ...

    def set_exception(self, exception: BaseException, /) -> None:
        """Take the error that stands for it."""
        ...


Waiting: TypeAlias = tuple[Item, int, Receiver[Outcome], float]
"""An item, its size in bytes, who takes its outcome, and since when it waits: a bare tuple, made twice an order."""
Batch: TypeAlias = Sequence[Waiting[Item, Outcome]]
Outcomes: TypeAlias = Sequence[Outcome | OrderEngineError]


def answer(receiver: Receiver[Outcome], outcome: Outcome | OrderEngineError) -> None:
    """Give one caller its outcome, unless it is gone."""
    if receiver.done():
        return
    if isinstance(outcome, OrderEngineError):
        receiver.set_exception(for_one_caller(outcome))
    else:
        receiver.set_result(outcome)


def fail(batch: Iterable[Waiting[Item, Outcome]], error: OrderEngineError) -> None:
    """Give all of these callers an error."""
    for _, _, receiver, _ in batch:
        answer(receiver, error)


def for_one_caller(error: OrderEngineError) -> OrderEngineError:
    """Return the same error as an object of its own: a raised exception carries its caller's traceback."""
    own = copy(error)
    own.__cause__ = error.__cause__ or error
    return own
