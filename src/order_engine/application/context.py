"""Context shared by all parts of one engine."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from order_engine.application.calls.availability import Availability
from order_engine.application.calls.bounded_reads import BoundedReads
from order_engine.application.calls.calls import CallLimits, RepositoryCalls
from order_engine.application.change_notifier import ChangeNotifier
from order_engine.application.log.observer import GuardedObserver
from order_engine.application.options import EngineOptions
from order_engine.application.retry_policy import LONGEST_BUSY_PAUSE, LONGEST_PAUSE, Backoff
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository

RENEWALS_PER_LEASE = 3
"""A lease is renewed after a third of its duration, so that two renewals may fail before it expires."""


@dataclass(frozen=True, slots=True)
class EngineContext:
    """Adapters, settings and shared calls of one engine."""

    repository: OrderRepository
    queue: OrderQueue
    clock: Clock
    observer: GuardedObserver
    random: Random
    options: EngineOptions
    availability: Availability
    calls: RepositoryCalls
    changes: ChangeNotifier
    reading: BoundedReads

    @property
    def renewal_seconds(self) -> float:
        """Interval in which leases are renewed."""
        return self.options.lease_seconds / RENEWALS_PER_LEASE

    @property
    def lease_call_seconds(self) -> float:
        """Time limit of calls on which leases depend, after which they are retried.

        At most half a renewal interval, so that a call that hangs leaves time for a retry: after an outage, other
        processes claim expired leases after one interval.
        """
        return _lease_call_seconds(self.options)

    def backoff(self) -> Backoff:
        """Return the backoff for calls on which leases depend.

        Pauses are at most half a renewal interval: after an outage, other processes claim expired leases after one
        interval, and leases must be renewed before that.
        """
        return Backoff(self.random, cap=min(LONGEST_PAUSE, self.renewal_seconds / 2))

    def busy_backoff(self) -> Backoff:
        """Return the backoff for items whose orders are locked by another transaction."""
        return Backoff(self.random, cap=min(LONGEST_BUSY_PAUSE, self.renewal_seconds / 2))


def build_context(  # noqa: PLR0913 - what an engine is made of, by name
    *,
    repository: OrderRepository,
    queue: OrderQueue,
    clock: Clock,
    observer: Observer,
    random: Random,
    options: EngineOptions,
) -> EngineContext:
    """Build the context of one engine from its adapters."""
    guarded = GuardedObserver(observer, clock)
    availability = Availability(clock, guarded, options.lease_seconds / RENEWALS_PER_LEASE)
    limits = CallLimits(options.request_seconds, _lease_call_seconds(options))
    changes = ChangeNotifier()
    calls = RepositoryCalls(clock, guarded, availability, random, limits, changes)
    reading = BoundedReads(repository, calls, clock, options)
    return EngineContext(repository, queue, clock, guarded, random, options, availability, calls, changes, reading)


def _lease_call_seconds(options: EngineOptions) -> float:
    return min(options.request_seconds, options.lease_seconds / RENEWALS_PER_LEASE / 2)
