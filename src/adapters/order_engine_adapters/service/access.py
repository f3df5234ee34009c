"""Access rules from the settings."""

from __future__ import annotations

from order_engine.ports.clock import Clock
from order_engine_adapters.http import Access, Rates
from order_engine_adapters.service.keys import KeyFile
from order_engine_adapters.settings import Settings
from order_engine_adapters.settings.validators import origins_in


def access_of(settings: Settings, keys: KeyFile | None, clock: Clock) -> Access:
    """Return the access rules of an application, with the current keys of the key file."""
    limit = settings.rate_limit
    return Access(
        keys=None if keys is None else keys.ring,
        rates=Rates(limit, clock.monotonic, settings.rate_limit_clients) if limit else None,
        origins=frozenset(() if settings.cors_origins is None else origins_in(settings.cors_origins)),
    )
