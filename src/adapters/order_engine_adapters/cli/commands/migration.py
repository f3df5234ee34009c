"""`order-engine migrate`."""

from __future__ import annotations

import click

from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.process.interrupts import run_interruptible
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.repository_url import RepositoryUrl


def bring_up_to_date(flags: Flags, *, dry_run: bool) -> None:
    """Apply pending migrations; with `dry_run`, only print them."""
    settings = Settings.from_environment(**flags)
    repository_url = RepositoryUrl.of(settings.database_url).within(settings.request_seconds)
    if repository_url.ends_with_process:
        click.echo(f"{masked_url(repository_url.url)} has no schema: nothing to migrate")
        return
    names = run_interruptible(repository_url.migrate(dry_run=dry_run))
    for name in names:
        click.echo(f"{'would apply' if dry_run else 'applied'} {name}")
    if not names:
        click.echo("up to date")
