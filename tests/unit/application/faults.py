"""A repository that does to its caller what networks and stores do: every fault on order, none by chance."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from order_engine import Event, Order, OutcomeUnknown, Statistics, Unavailable
from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.ports.clock import Clock
from order_engine.ports.portions import get_some, get_states
from order_engine.ports.repository import (
    Added,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    ExactReader,
    OrderPage,
    OrderQuery,
    OrderRepository,
    OrderState,
    Portion,
    Renewed,
)
from order_engine.simulation.faults.locks import Locks

Answer = TypeVar("Answer")
One = TypeVar("One")


@dataclass(frozen=True)
class Fails:
    """The call fails with Unavailable before it takes effect."""


@dataclass(frozen=True)
class LosesAnswer:
    """The call takes effect, and raises OutcomeUnknown."""


@dataclass(frozen=True)
class Forgets:
    """The call takes no effect, and raises OutcomeUnknown all the same."""


@dataclass(frozen=True)
class NeverAnswers:
    """The call never returns; it takes effect first, or not at all."""

    takes_effect: bool = False


@dataclass(frozen=True)
class IsSlow:
    """The call takes so many seconds of the clock, half of them before it takes effect."""

    seconds: float


@dataclass(frozen=True)
class TakesItsTime:
    """The call takes so many seconds of the clock for each of its items, before it takes effect."""

    seconds: float


@dataclass(frozen=True)
class Raises:
    """The call raises what its port does not allow; it takes effect first, or not at all."""

    error: BaseException
    takes_effect: bool = False


@dataclass(frozen=True)
class AnswersShort:
    """The call takes effect, and answers for one item too few."""


Fault: TypeAlias = Fails | LosesAnswer | Forgets | NeverAnswers | IsSlow | TakesItsTime | Raises | AnswersShort


@dataclass(frozen=True)
class Asked:
    """One call that was made: its operation, its items, and how many of them there were."""

    operation: str
    items: tuple[object, ...]


class FaultyRepository:
    """One process's way to a repository, on which calls fail as planned. `away`: every call fails at once."""

    def __init__(self, store: OrderRepository, clock: Clock) -> None:
        """Pass every call on to `store` until a fault is planned."""
        self._store = store
        self._clock = clock
        self._planned: dict[tuple[str, int], Fault] = {}
        self._always: dict[str, Fault] = {}
        self._numbers: Counter[str] = Counter()
        self._guard: Callable[[Sequence[object]], BaseException | None] = lambda _: None
        self.unavailable = False
        self.locks = Locks()
        """The orders that somebody else has locked."""
        self.asked: list[Asked] = []

    # Planning

    def plan(self, fault: Fault, operation: str, *numbers: int) -> None:
        """Let the calls of these numbers fail, 1 being the next one from now; without numbers all, until `heal`."""
        if not numbers:
            self._always[operation] = fault
        for number in numbers:
            self._planned[operation, self._numbers[operation] + number] = fault

    def heal(self) -> None:
        """Forget every fault that is planned, and be there."""
        self._planned.clear()
        self._always.clear()
        self.unavailable = False

    def lead_to(self, store: OrderRepository) -> None:
        """Pass every call on to another store from now on, as after a restore or a fail-over."""
        self._store = store

    def refuse_batches(self, guard: Callable[[Sequence[object]], BaseException | None]) -> None:
        """Raise what `guard` returns for the items of any call that changes something."""
        self._guard = guard

    def count(self, operation: str) -> int:
        """Return how many calls of this operation were made."""
        return self._numbers[operation]

    def items_of(self, operation: str) -> list[tuple[object, ...]]:
        """Return the items of every call of this operation, in turn."""
        return [asked.items for asked in self.asked if asked.operation == operation]

    # The port

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Add, unless a fault is planned."""
        return await self._call("add", placements, lambda: self.locks.add(self._store, placements, hold), _shorter)

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim, unless a fault is planned."""
        return await self._call("claim", [terms], lambda: self.locks.claim(self._store, terms), _same)

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew, unless a fault is planned."""
        return await self._call("renew", leases, lambda: self.locks.renew(self._store, leases, seconds), _shorter)

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply, unless a fault is planned."""
        return await self._call("apply", commands, lambda: self.locks.apply(self._store, commands), _shorter)

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Get, unless a fault is planned."""
        return await self._call("get", order_ids, lambda: self._store.get(order_ids), _same)

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Get some, unless a fault is planned."""
        return await self._call("get", order_ids, lambda: get_some(self._store, order_ids, max_bytes), _same)

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Get states, unless a fault is planned."""
        return await self._call("get", order_ids, lambda: get_states(self._store, order_ids), _same)

    async def list(self, query: OrderQuery) -> OrderPage:
        """List, unless a fault is planned."""
        return await self._call("list", [query], lambda: self._store.list(query), _same)

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Tell the history, unless a fault is planned."""
        return await self._call("history", [order_id], lambda: self._store.history(order_id, after, limit), _same)

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Tell all events, unless a fault is planned."""
        return await self._call("events", [after], lambda: self._store.events(after, limit), _same)

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Tell all events up to an end, unless a fault is planned."""
        if not isinstance(self._store, ExactReader):
            message = "the store is no ExactReader"
            raise TypeError(message)
        store = self._store
        return await self._call("events", [after], lambda: store.events_until(after, limit, until), _same)

    async def statistics(self) -> Statistics:
        """Count, unless a fault is planned."""
        return await self._call("statistics", [], self._store.statistics, _same)

    # Inside

    async def _call(
        self,
        operation: str,
        items: Sequence[object],
        call: Callable[[], Awaitable[Answer]],
        shorten: Callable[[Answer], Answer],
    ) -> Answer:
        self._numbers[operation] += 1
        self.asked.append(Asked(operation, tuple(items)))
        fault = self._planned.pop((operation, self._numbers[operation]), self._always.get(operation))
        await self._before(fault, items)
        answer = await call()
        return await self._after(fault, answer, shorten)

    async def _before(self, fault: Fault | None, items: Sequence[object]) -> None:
        if self.unavailable or isinstance(fault, Fails):
            message = "the repository is away"
            raise Unavailable(message)
        if (refusal := self._guard(items)) is not None:
            raise refusal
        match fault:
            case Forgets():
                message = "the connection broke before the commit"
                raise OutcomeUnknown(message)
            case NeverAnswers(takes_effect=False):
                await _for_ever()
            case Raises(error, takes_effect=False):
                raise error
            case IsSlow(seconds):
                await self._clock.sleep(seconds / 2)
            case TakesItsTime(seconds):
                await self._clock.sleep(seconds * len(items))
            case _:
                pass

    async def _after(self, fault: Fault | None, answer: Answer, shorten: Callable[[Answer], Answer]) -> Answer:
        match fault:
            case LosesAnswer():
                message = "the connection broke after the commit"
                raise OutcomeUnknown(message)
            case NeverAnswers():
                await _for_ever()
            case Raises(error):
                raise error
            case IsSlow(seconds):
                await self._clock.sleep(seconds / 2)
            case AnswersShort():
                return shorten(answer)
            case _:
                pass
        return answer


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _same(answer: Answer) -> Answer:
    return answer


def _shorter(answers: Sequence[One]) -> Sequence[One]:
    return answers[:-1]
