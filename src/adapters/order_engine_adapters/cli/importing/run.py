"""The import command."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from order_engine_adapters.cli.failures import NO_MESSAGE, REFUSED_LINES, CommandExit, escaped, interrupted_code
from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.importing.importer import Importer
from order_engine_adapters.cli.importing.order_file import DamagedArchive, OrderFile, in_chunks
from order_engine_adapters.cli.importing.progress import ImportCounts, progress
from order_engine_adapters.cli.importing.refused_lines_file import RefusedLinesFile
from order_engine_adapters.cli.target.targets import CommandTarget, on_target
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.repository_url import Schema


def import_file(flags: Flags, name: str) -> None:
    """Import the orders of a file and print the counts. Exits with 3 if lines were refused."""
    settings, path, tally = Settings.from_environment(**flags), Path(name), ImportCounts()
    damage: DamagedArchive | None = None
    try:
        with OrderFile(path, settings.max_body_bytes) as file, RefusedLinesFile(path) as refused:
            try:
                _carry_all(flags, settings, file, refused, tally)
            except DamagedArchive as met:
                damage = met
            refused.keep()
    except KeyboardInterrupt as error:
        sentence = f"Interrupted. Imported so far: {tally}. Run the same command again to resume."
        raise CommandExit(sentence, interrupted_code(error)) from None
    where = f"; see {escaped(str(refused.path))}" if tally.refused else ""
    if damage is not None:
        sentence = f"{path}: {damage}. Imported before the damage: {tally}{where}."
        raise CommandExit(sentence) from damage
    click.echo(f"imported {tally}{where}")
    if tally.refused:
        raise CommandExit(NO_MESSAGE, REFUSED_LINES)


def _carry_all(
    flags: Flags, settings: Settings, file: OrderFile, refused: RefusedLinesFile, tally: ImportCounts
) -> None:
    async def work(target: CommandTarget) -> None:
        carrier = Importer(
            target=target,
            file=file,
            refused=refused,
            tally=tally,
            longest_line=settings.max_body_bytes,
            patience_seconds=settings.request_seconds,
            monotonic=time.monotonic,
        )
        with progress(sys.stderr, file.size, tally, time.monotonic) as report:
            for chunk in in_chunks(file.lines(), settings.batch_orders, settings.batch_bytes):
                await carrier.carry(chunk)
                report(file.position)

    on_target(flags, work, Schema.KEEP, may_create=True)
