"""Availability of the repository, and the time since its recovery."""

from __future__ import annotations

from order_engine.domain.errors import Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RepositoryRecovered, RepositoryUnavailable

PROBE = "probe"
"""Operation that checks whether the repository accepts writes: a transaction that changes nothing."""
READING_PROBE = "reading probe"
"""Operation that checks whether the repository is readable."""
PROBES = frozenset({PROBE, READING_PROBE})
READING = frozenset({"get", "list", "history", "events", "statistics", READING_PROBE})
MAY_CHANGE_NOTHING = READING | {"claim"}
"""Operations that may succeed while writes fail, and therefore do not show that a full disk has space again."""
KNOWN = "The repository is unavailable. Nothing was changed. The engine checks for recovery once per poll interval."


class Availability:
    """Tracks whether the repository is available.

    After an outage, expired leases must not be claimed for one renewal interval: their workers could not renew them,
    and get this time to renew or release them first. So an outage does not cost attempts. The same applies after this
    process was blocked, so that it does not claim its own orders, and after its start, since there may have been an
    outage just before.
    """

    def __init__(self, clock: Clock, observer: Observer, renewal_seconds: float) -> None:
        """Assume that the repository is available."""
        self._clock = clock
        self._observer = observer
        self._renewal_seconds = renewal_seconds
        self._back_since: float | None = clock.monotonic()
        self._last_beat: float | None = None
        self._writes_fail = False
        self._last_answer = clock.monotonic()
        self._known_to_fail: set[str] = set()
        self.unavailable: bool = False

    def require_writable(self) -> None:
        """Raise Unavailable immediately if writes are known to fail."""
        if PROBE in self._known_to_fail:
            raise Unavailable(KNOWN)

    def require_readable(self) -> None:
        """Raise Unavailable immediately if reads are known to fail."""
        if READING_PROBE in self._known_to_fail:
            raise Unavailable(KNOWN)

    @property
    def seconds_since_answer(self) -> float:
        """Seconds since the last answer of the repository, whether or not it was called."""
        return self._clock.monotonic() - self._last_answer

    def heartbeat(self) -> None:
        """Record that this process runs. After the first call, call it several times per renewal interval."""
        now = self._clock.monotonic()
        if self._last_beat is not None and now - self._last_beat > self._renewal_seconds:
            self._back_since = now
        self._last_beat = now

    def failed(self, operation: str, error: BaseException) -> None:
        """Record a failed call. A single failure may be transient; a failed probe after it confirms an outage."""
        if self.unavailable and operation in PROBES:
            self._known_to_fail.add(operation)
        self.unavailable = True
        self._writes_fail = self._writes_fail or operation not in READING
        self._observer.observe(RepositoryUnavailable(operation, error))

    def answered(self, operation: str) -> None:
        """Record an answered call."""
        self._last_answer = self._clock.monotonic()
        self._known_to_fail.discard(READING_PROBE)
        if self.unavailable and not (self._writes_fail and operation in MAY_CHANGE_NOTHING):
            self.unavailable = self._writes_fail = False
            self._known_to_fail.clear()
            self._back_since = self._clock.monotonic()
            self._observer.observe(RepositoryRecovered())

    @property
    def may_take_ended_leases(self) -> bool:
        """Whether workers have had time to renew their leases since the repository or this process recovered."""
        if self.unavailable:
            return False
        if self._last_beat is not None:
            self.heartbeat()
        if self._back_since is not None and self._clock.monotonic() - self._back_since < self._renewal_seconds:
            return False
        self._back_since = None
        return True
