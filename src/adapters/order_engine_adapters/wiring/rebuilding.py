"""Counting a repository's orders anew."""

from __future__ import annotations

from order_engine import InvalidSetting
from order_engine.domain.metrics import Statistics
from order_engine_adapters import postgres, sqlite
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres.connection.target import SCHEMES
from order_engine_adapters.wiring.files import ONE_FILE, ends_with_its_process
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.plugins import scheme_of


async def rebuild_counters(url: str, seconds: float) -> tuple[Statistics, Statistics]:
    """Count all orders of the repository of `url` anew; return what its counters told, and what is right.

    `seconds` limits the counting where others may use the repository meanwhile. Raises InvalidSetting for a repository
    whose counters cannot be counted anew, RepositoryHeld where another process has it, Unavailable where it cannot be
    reached, OutcomeUnknown where the counters may have been corrected.
    """
    if scheme_of(url) in SCHEMES:
        return await postgres.rebuild_counters(url, seconds)
    if scheme_of(url) == ONE_FILE:
        return await sqlite.rebuild_counters(url, SystemClock())
    if ends_with_its_process(url):
        message = f"The orders of {masked_url(url)} end with the process that took them, and its counters with them."
    else:
        message = f"Nobody here knows how {masked_url(url)} counts: only PostgreSQL and SQLite can be counted anew."
    raise InvalidSetting(message)
