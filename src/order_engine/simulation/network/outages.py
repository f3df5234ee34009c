"""Outages of the repository."""

from __future__ import annotations

from enum import Enum


class OutageKind(Enum):
    """Behavior of the repository in an outage."""

    REFUSES = "refuses every call"
    SWALLOWS = "answers nothing"
    BREAKS_OFF = "breaks off every call"
    TAKES_NO_CHANGES = "takes no changes"


ALL_INSTANCES = ""


class Outages:
    """Current outages by instance."""

    def __init__(self) -> None:
        """Start without outages."""
        self._away: dict[str, OutageKind] = {}

    def begin(self, instance: str, away: OutageKind) -> None:
        """Become unavailable for one instance, or for EVERYBODY."""
        self._away[instance] = away

    def end(self, instance: str) -> None:
        """End an outage."""
        self._away.pop(instance, None)

    def of(self, instance: str) -> OutageKind | None:
        """Return how the repository is unavailable for this instance; None: it is available."""
        if not self._away:
            return None
        return self._away.get(ALL_INSTANCES) or self._away.get(instance)

    @property
    def unavailable_to_all(self) -> bool:
        """Whether the repository is unavailable to all instances."""
        return ALL_INSTANCES in self._away
