"""`order-engine openapi`."""

from __future__ import annotations

from pathlib import Path

import click

from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.openapi_document import openapi_text


def describe(flags: Flags, output: str | None) -> None:
    """Write the document to a file or to standard output."""
    text = openapi_text(Settings.from_environment(**flags))
    if output is None:
        click.echo(text)
    else:
        Path(output).write_text(f"{text}\n", encoding="utf-8")
        click.echo(f"Wrote {output}.", err=True)
