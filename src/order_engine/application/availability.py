"""Whether the repository answers, and how long it has been back."""

from __future__ import annotations

from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RepositoryAway, RepositoryBack


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
        self.away = False

    def failed(self, operation: str, error: BaseException) -> None:
        """Note that a call failed."""
        self.away = True
        self._observer.observe(RepositoryAway(operation, error))

    def answered(self) -> None:
        """Note that a call was answered."""
        if self.away:
            self.away = False
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
