"""Bringing a repository's schema up to date by itself, before any process opens it."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine_adapters.postgres import migrations
from order_engine_adapters.postgres.connecting import SCHEMES
from order_engine_adapters.wiring.plugins import scheme_of


async def migrate(url: str, *, dry_run: bool) -> Sequence[str]:
    """Apply the migrations that the repository of `url` lacks, and return their names; with `dry_run`, only name them.

    Any number of processes may do so at once. A repository that keeps no schema beside its processes, such as a file of
    SQLite, is brought up to date when it is opened: for such a one there is nothing to do. Raises InvalidSetting, and
    Unavailable where the repository cannot be reached or was written by a newer version.
    """
    if scheme_of(url) not in SCHEMES:
        return []
    applied = await migrations.migrate(url, dry_run=dry_run)
    return [f"{each.number:04} {each.name}" for each in applied]
