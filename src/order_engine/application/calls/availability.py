"""Whether the repository answers, and how long it has been back."""

from __future__ import annotations

from order_engine.domain.errors import Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RepositoryRecovered, RepositoryUnavailable

PROBE = "probe"
"""The operation that finds out whether the repository is back: a transaction that changes nothing."""
READING_PROBE = "reading probe"
"""The operation that finds out whether the repository can be read."""
PROBES = frozenset({PROBE, READING_PROBE})
READING = frozenset({"get", "list", "history", "events", "statistics", READING_PROBE})
MAY_CHANGE_NOTHING = READING | {"claim"}
"""Operations that can be answered where nothing can be written: they are no sign that a full disk has room again."""
KNOWN = "The repository is unavailable. Nothing was changed. The engine checks for recovery once per poll interval."


class Availability:
    """Knows the last word of the repository.

    After an outage, leases that ended meanwhile are not to be taken for one renewal interval: whoever still holds
    them could not renew, and gets that time to renew or release first. An outage is nobody's failed attempt. The same
    holds after this process itself stood still: it does not take from itself what it could not renew. And it holds from
    the start, for a process that was just started cannot know whether there was an outage until a moment ago.
    """

    def __init__(self, clock: Clock, observer: Observer, renewal_seconds: float) -> None:
        """Start with a repository that is there."""
        self._clock = clock
        self._observer = observer
        self._renewal_seconds = renewal_seconds
        self._back_since: float | None = clock.monotonic()
        self._last_beat: float | None = None
        self._writes_fail = False
        self._last_answer = clock.monotonic()
        self._known_to_fail: set[str] = set()
        self.unavailable = False

    def require_writable(self) -> None:
        """Raise Unavailable where the repository is known to take no changes: it would be waited for in vain."""
        if PROBE in self._known_to_fail:
            raise Unavailable(KNOWN)

    def require_readable(self) -> None:
        """Raise Unavailable where the repository is known not to be readable."""
        if READING_PROBE in self._known_to_fail:
            raise Unavailable(KNOWN)

    @property
    def seconds_since_answer(self) -> float:
        """For how long nothing has been heard of the repository, be it because nobody asked."""
        return self._clock.monotonic() - self._last_answer

    def heartbeat(self) -> None:
        """Note that this process runs. Once this was called, it is to be called several times in a renewal interval."""
        now = self._clock.monotonic()
        if self._last_beat is not None and now - self._last_beat > self._renewal_seconds:
            self._back_since = now
        self._last_beat = now

    def failed(self, operation: str, error: BaseException) -> None:
        """Note that a call failed. One failure may be a moment's; a probe that fails after it is the outage known."""
        if self.unavailable and operation in PROBES:
            self._known_to_fail.add(operation)
        self.unavailable = True
        self._writes_fail = self._writes_fail or operation not in READING
        self._observer.observe(RepositoryUnavailable(operation, error))

    def answered(self, operation: str) -> None:
        """Note that a call was answered."""
        self._last_answer = self._clock.monotonic()
        self._known_to_fail.discard(READING_PROBE)
        if self.unavailable and not (self._writes_fail and operation in MAY_CHANGE_NOTHING):
            self.unavailable = self._writes_fail = False
            self._known_to_fail.clear()
            self._back_since = self._clock.monotonic()
            self._observer.observe(RepositoryRecovered())

    @property
    def may_take_ended_leases(self) -> bool:
        """Whether holders have had their chance since the repository, or this process, came back."""
        if self.unavailable:
            return False
        if self._last_beat is not None:
            self.heartbeat()
        if self._back_since is not None and self._clock.monotonic() - self._back_since < self._renewal_seconds:
            return False
        self._back_since = None
        return True
