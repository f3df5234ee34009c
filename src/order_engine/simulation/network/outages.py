"""Who cannot reach the store, and how it shows."""

from __future__ import annotations

from enum import Enum


class Away(Enum):
    """How a repository can be away."""

    REFUSES = "refuses every call"
    SWALLOWS = "answers nothing"
    BREAKS_OFF = "breaks off every call"
    TAKES_NO_CHANGES = "takes no changes"


EVERYBODY = ""


class Outages:
    """Whom the store is away from at this moment."""

    def __init__(self) -> None:
        """Begin with a store that is there for everybody."""
        self._away: dict[str, Away] = {}

    def begin(self, instance: str, away: Away) -> None:
        """Be away from one instance, or from EVERYBODY."""
        self._away[instance] = away

    def end(self, instance: str) -> None:
        """Be back."""
        self._away.pop(instance, None)

    def of(self, instance: str) -> Away | None:
        """Return how the store is away from this instance; None: it is there."""
        if not self._away:
            return None
        return self._away.get(EVERYBODY) or self._away.get(instance)

    @property
    def away_from_all(self) -> bool:
        """Whether it is away from everybody."""
        return EVERYBODY in self._away
