"""`order-engine config show`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TypeAlias

import click

from order_engine.domain.setting import Setting, settings_of
from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.formatting import Column, table, text_of
from order_engine_adapters.cli.output import print_json, print_lines, terminal_width
from order_engine_adapters.settings import Settings
from order_engine_adapters.settings.variables import origins
from order_engine_adapters.wiring.masking import MASK, masked_url

Shown: TypeAlias = bool | float | str | None

COLUMNS = (Column("SETTING"), Column("VALUE"), Column("FROM"))


def show(flags: Flags, *, as_json: bool) -> None:
    """Print every setting with its value and its source."""
    settings = Settings.from_environment(**flags)
    values = {name: _shown(setting, getattr(settings, name)) for name, setting in settings_of(type(settings)).items()}
    sources = origins(values, flags)
    if as_json:
        rows = [{"name": name, "value": value, "source": sources[name]} for name, value in values.items()]
        print_json(json.dumps({"settings": rows}, ensure_ascii=False))
        return
    lines = [(name, _as_text(value), sources[name]) for name, value in values.items()]
    print_lines(table(COLUMNS, lines, terminal_width()))
    click.echo("\nPrecedence: flags, environment, .env, defaults.", err=True)


def _shown(setting: Setting, value: Shown | Decimal) -> Shown:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if setting.secret and isinstance(value, str):
        return masked_url(value) if setting.flag else MASK
    return value


def _as_text(value: Shown) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else text_of(value)
