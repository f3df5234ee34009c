"""Bringing a repository's schema up to date by itself, before any process opens it."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine import InvalidSetting
from order_engine.ports.adapters import SchemaKeeper
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.wiring.files import ends_with_its_process
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.plugins import repository_opener


async def migrate(url: str, *, dry_run: bool) -> Sequence[str] | None:
    """Apply the migrations that the repository of `url` lacks, and return their names; with `dry_run`, only name them.

    None: the repository lives in its process and keeps no schema. Raises InvalidSetting, also for a repository of a
    third party that brings no migrations; RepositoryHeld where another process has it; Unavailable where it cannot be
    reached or was written by a newer version.
    """
    opener = repository_opener(url)
    if ends_with_its_process(url):
        return None
    if not isinstance(opener, SchemaKeeper):
        message = f"Cannot migrate {masked_url(url)}: its package brings no migrations for this command."
        raise InvalidSetting(message)
    return await opener.migrate(url, clock=SystemClock(), dry_run=dry_run)
