"""Whether the repository answers, and how long it has been back."""

from __future__ import annotations

from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RepositoryAway, RepositoryBack

PROBE = "probe"
"""The operation that finds out whether the repository is back: a transaction that changes nothing."""
READING = frozenset({"get", "list", "history", "events", "statistics"})
MAY_CHANGE_NOTHING = READING | {"claim"}
"""Operations that can be answered where nothing can be written: they are no sign that a full disk has room again."""


class Availability:
    """Knows the last word of the repository.

    After an outage, leases that ended meanwhile are not to be taken for one renewal interval: whoever still holds
    them could not renew, and gets that time to renew or release first. An outage is nobody's failed attempt.
    """

    def __init__(self, clock: Clock, observer: Observer, renewal_seconds: float) -> None:
        """Start with a repository that is there."""
        self._clock = clock
        self._observer = observer
        self._renewal_seconds = renewal_seconds
        self._back_since: float | None = None
        self._writes_fail = False
        self.away = False

    def failed(self, operation: str, error: BaseException) -> None:
        """Note that a call failed."""
        self.away = True
        self._writes_fail = self._writes_fail or operation not in READING
        self._observer.observe(RepositoryAway(operation, error))

    def answered(self, operation: str) -> None:
        """Note that a call was answered."""
        if self.away and not (self._writes_fail and operation in MAY_CHANGE_NOTHING):
            self.away = self._writes_fail = False
            self._back_since = self._clock.monotonic()
            self._observer.observe(RepositoryBack())

    @property
    def may_take_ended_leases(self) -> bool:
        """Whether holders have had their chance since the repository came back."""
        if self.away:
            return False
        if self._back_since is not None and self._clock.monotonic() - self._back_since < self._renewal_seconds:
            return False
        self._back_since = None
        return True
