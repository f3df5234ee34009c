"""Keys for tests, and requests that show them."""

from __future__ import annotations

from datetime import UTC, datetime

from order_engine_adapters.http import AccessScope, KeyRing
from order_engine_adapters.http.access.keys import new_key

MADE_AT = datetime(2026, 11, 22, tzinfo=UTC)


class Ring:
    """A ring with one key for each scope, by its name, and the keys themselves."""

    def __init__(self) -> None:
        """Make the keys."""
        made = {scope: new_key(scope.value, [scope], MADE_AT) for scope in AccessScope}
        self.keys = {scope: key for scope, (key, _) in made.items()}
        self.stored = {scope: stored for scope, (_, stored) in made.items()}
        self.ring = KeyRing(self.stored.values())

    def showing(self, scope: AccessScope) -> tuple[str, str]:
        """Return the header field that shows the key of this scope."""
        return ("authorization", f"Bearer {self.keys[scope]}")
