"""`order-engine migrate`."""

from __future__ import annotations

import click

from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.process.interrupts import run_interruptible
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.migrating import migrate
from order_engine_adapters.wiring.settings import Settings


def bring_up_to_date(flags: Flags, *, dry_run: bool) -> None:
    """Apply the migrations that the repository lacks, or with `dry_run` say which they are."""
    settings = Settings.from_environment(**flags)
    names = run_interruptible(migrate(settings.database_url, dry_run=dry_run))
    if names is None:
        click.echo(f"{masked_url(settings.database_url)} keeps orders in one process: there is nothing to migrate")
        return
    for name in names:
        click.echo(f"{'would apply' if dry_run else 'applied'} {name}")
    if not names:
        click.echo("up to date")
