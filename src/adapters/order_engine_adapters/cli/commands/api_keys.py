"""`order-engine keys`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from order_engine.wire import time_text
from order_engine_adapters.cli.formatting import Column, moment, table
from order_engine_adapters.cli.output import print_json, print_lines, terminal_width
from order_engine_adapters.service import keys
from order_engine_adapters.service.key_file import read_keys

COLUMNS = (Column("NAME"), Column("SCOPES"), Column("CREATED (UTC)"), Column("ID"))


def add(path: str, name: str, scopes: str) -> None:
    """Create a key and print it once."""
    click.echo(keys.add_key(Path(path), name, scopes))


def show(path: str, *, as_json: bool) -> None:
    """List the names, scopes and ids of the keys, never the keys themselves."""
    stored = read_keys(Path(path))
    if as_json:
        documents = [
            {
                "name": key.identity.name,
                "scopes": key.identity.scope_names,
                "created_at": time_text(key.created_at),
                "id": key.identity.key_id,
            }
            for key in stored
        ]
        print_json(json.dumps({"keys": documents}))
        return
    lines = [
        (key.identity.name, ",".join(key.identity.scope_names), moment(time_text(key.created_at)), key.identity.key_id)
        for key in stored
    ]
    print_lines(table(COLUMNS, lines, terminal_width()))


def revoke(path: str, name: str) -> None:
    """Remove a key from the file."""
    keys.revoke_key(Path(path), name)
    click.echo(f"revoked {name}; running services reject it within 2 s")
