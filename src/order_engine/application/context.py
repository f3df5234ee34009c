"""What every part of one engine works with."""

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
"""A lease is renewed after a third of it, so that two renewals may fail before it is in danger."""


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The adapters and settings of one engine, and the calls that all its parts share."""

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
        """How often leases are renewed."""
        return self.options.lease_seconds / RENEWALS_PER_LEASE

    @property
    def lease_call_seconds(self) -> float:
        """How long a call may take that keeps or finds leases, before it is made again.

        Half a renewal interval at most, so that one that hangs leaves time for another: after an outage others wait
        for an interval before they take leases that have ended.
        """
        return _lease_call_seconds(self.options)

    def backoff(self) -> Backoff:
        """Return pauses for calls of the repository on which leases depend.

        Half a renewal interval at most: after an outage others wait for one before they take leases that have ended,
        and whoever still holds some has to be heard before that.
        """
        return Backoff(self.random, cap=min(LONGEST_PAUSE, self.renewal_seconds / 2))

    def busy_backoff(self) -> Backoff:
        """Return pauses for items whose orders are locked by another transaction."""
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
