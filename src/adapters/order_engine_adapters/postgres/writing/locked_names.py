"""Order ids and idempotency keys locked by uncommitted transactions of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from order_engine.domain.commands import Placement
from order_engine_adapters.postgres.connection.session import Session

REMEMBERED_SECONDS: Final = 30.0
"""How long a name is recorded. A name that is unlocked earlier is found unlocked when it is placed alone."""
MAX_NAMES: Final = 10_000
"""Maximum number of recorded names; the oldest are dropped."""
LOCK_WAIT: Final = "250ms"
"""How long a batch waits for an id or key, normally for a batch with the same name that is about to commit."""
CONTENDED_LOCK_WAIT: Final = "10ms"
"""The same while locked names are known: each further one costs its batch this wait."""

IN_USE: Final = (
    "SELECT * FROM order_engine.names_in_use($1::text[], $2::text[], $3::float8 * interval '1 second') AS used"
)


class LockedNames:
    """Locked names known to this process, so that a name that blocked a batch is kept out of the next one."""

    def __init__(self, seconds: Callable[[], float], looking_seconds: float) -> None:
        """Start empty. `seconds` is a monotonic clock."""
        self._seconds = seconds
        self._looking_seconds = looking_seconds
        self._ids: dict[str, float] = {}
        self._keys: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Whether any name is known to be locked."""
        if self._ids or self._keys:
            now = self._seconds()
            _forget(self._ids, now)
            _forget(self._keys, now)
        return bool(self._ids or self._keys)

    @property
    def patience(self) -> str:
        """How long a batch may wait for a name, in PostgreSQL syntax."""
        return CONTENDED_LOCK_WAIT if self else LOCK_WAIT

    def hold(self, placement: Placement) -> bool:
        """Return whether the id or key of a placement is known to be locked."""
        return placement.order_id in self._ids or placement.idempotency_key in self._keys

    async def look(self, session: Session, placements: Sequence[Placement]) -> None:
        """Find, within the open transaction, the names of these placements that are locked."""
        ids = sorted({each.order_id for each in placements})
        keys = sorted({each.idempotency_key for each in placements if each.idempotency_key is not None})
        rows = await session.rows(IN_USE, ids, keys, self._looking_seconds)
        until = self._seconds() + REMEMBERED_SECONDS
        _note(self._ids, ids, [row[0] for row in rows if row[0] is not None], until)
        _note(self._keys, keys, [row[1] for row in rows if row[1] is not None], until)


def _note(known: dict[str, float], asked: Iterable[str], locked: Iterable[str], until: float) -> None:
    for name in asked:
        known.pop(name, None)
    known.update(dict.fromkeys(locked, until))
    while len(known) > MAX_NAMES:
        del known[next(iter(known))]


def _forget(known: dict[str, float], now: float) -> None:
    """Drop old entries: the first ones, since names are sorted by recording time."""
    while known and known[name := next(iter(known))] <= now:
        del known[name]
