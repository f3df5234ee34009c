"""Declarations of the commands for click. Implementations are imported when a command runs."""

from __future__ import annotations

import click

from order_engine.domain.setting import Commands
from order_engine_adapters.cli import help_texts
from order_engine_adapters.cli.flags import Flags, SettingCommand, SettingGroup, with_settings
from order_engine_adapters.settings import Settings

STATUSES = ("Pending", "Processing", "Completed", "Failed", "Cancelled")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the HTTP service answers it.")
_order_id = click.argument("order_id", metavar="ID")


@click.command(cls=SettingCommand, help=help_texts.SERVE)
@with_settings(Commands.SERVE)
def serve(flags: Flags) -> None:
    """Run `order-engine serve`."""
    from order_engine_adapters.service import service  # noqa: PLC0415 - quick help

    service.run_service(Settings.from_environment(**flags), say=click.echo)


@click.command(cls=SettingCommand, help=help_texts.WORKER)
@with_settings(Commands.WORKER)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="NUMBER", help="Serve /livez, /readyz and /metrics on this port."
)
def worker(flags: Flags, port: int | None) -> None:
    """Run `order-engine worker`."""
    from order_engine_adapters.service import service  # noqa: PLC0415 - quick help

    service.run_worker(Settings.from_environment(**flags), port, say=click.echo)


@click.command("import", cls=SettingCommand, help=help_texts.IMPORT)
@with_settings(Commands.IMPORT)
@click.argument("path", metavar="FILE")
def import_orders(flags: Flags, path: str) -> None:
    """Run `order-engine import`."""
    from order_engine_adapters.cli.importing import run  # noqa: PLC0415 - quick help

    run.import_file(flags, path)


@click.group(help=help_texts.ORDERS)
def orders() -> None:
    """Group the commands about orders."""


@orders.command("list", cls=SettingCommand, help=help_texts.ORDERS_LIST)
@with_settings(Commands.OPERATE)
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only orders with this status.")
@click.option("--user-id", metavar="ID", help="Only orders of this user.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, metavar="NUMBER", help="Orders per page, 1 to 1000 [100]."
)
@click.option("--cursor", metavar="CURSOR", help="Continue after an earlier page: its `next`, with the same filters.")
@click.option("--all", "every_page", is_flag=True, help="All pages; with --json, one document per line.")
@_json
def list_orders(flags: Flags, **question: object) -> None:
    """Run `order-engine orders list`."""
    from order_engine_adapters.cli.commands import order_list  # noqa: PLC0415 - quick help

    order_list.list_orders(flags, order_list.ListOptions(**question))  # type: ignore[arg-type]


@orders.command(cls=SettingCommand, help=help_texts.ORDERS_SHOW)
@with_settings(Commands.OPERATE)
@_order_id
@click.option("--history", is_flag=True, help="Show the events of the order; with --json, only these.")
@_json
def show(flags: Flags, order_id: str, *, history: bool, as_json: bool) -> None:
    """Run `order-engine orders show`."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.show(flags, order_id, history=history, as_json=as_json)


@orders.command(cls=SettingCommand, help=help_texts.ORDERS_CANCEL)
@with_settings(Commands.OPERATE)
@_order_id
@_json
def cancel(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Run `order-engine orders cancel`."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.cancel(flags, order_id, as_json=as_json)


@orders.command(cls=SettingCommand, help=help_texts.ORDERS_REDRIVE)
@with_settings(Commands.OPERATE)
@_order_id
@_json
def redrive(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Run `order-engine orders redrive`."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.redrive(flags, order_id, as_json=as_json)


@click.group(cls=SettingGroup, invoke_without_command=True, subcommand_metavar="[rebuild …]", help=help_texts.METRICS)
@with_settings(Commands.OPERATE)
@_json
def metrics(flags: Flags, *, as_json: bool) -> None:
    """Run `order-engine metrics` itself, and nothing where a command below it runs."""
    below = click.get_current_context().invoked_subcommand
    if below is None:
        from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

        operate.metrics(flags, as_json=as_json)
    elif flags or as_json:
        message = f"Write the flags after {below}, not before it."
        raise click.UsageError(message)


@metrics.command(cls=SettingCommand, help=help_texts.METRICS_REBUILD)
@with_settings(Commands.MAINTAIN)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=86_400, min_open=True),
    default=3600,
    metavar="SECONDS",
    help="Time limit of the count on PostgreSQL, in seconds [3600].",
)
@_json
def rebuild(flags: Flags, *, seconds: float, as_json: bool) -> None:
    """Run `order-engine metrics rebuild`."""
    from order_engine_adapters.cli.commands import rebuild_metrics  # noqa: PLC0415 - quick help

    rebuild_metrics.rebuild(flags, seconds=seconds, as_json=as_json)


@click.group(help=help_texts.KEYS)
def keys() -> None:
    """Group the commands about API keys."""


_key_file = click.option(
    "--file", "path", required=True, metavar="FILE", help="File that holds the hashes of the keys."
)
_key_name = click.option(
    "--name", required=True, metavar="NAME", help="Name of the owner of the key; unique in the file."
)


@keys.command("add", help=help_texts.KEYS_ADD)
@_key_file
@_key_name
@click.option(
    "--scopes",
    required=True,
    metavar="SCOPES",
    help="Scopes, separated by commas: read, write (place and cancel), metrics, admin (all of these, and redrive).",
)
def add_key(path: str, name: str, scopes: str) -> None:
    """Run `order-engine keys add`."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.add(path, name, scopes)


@keys.command("list", help=help_texts.KEYS_LIST)
@_key_file
@_json
def list_keys(path: str, *, as_json: bool) -> None:
    """Run `order-engine keys list`."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.show(path, as_json=as_json)


@keys.command("revoke", help=help_texts.KEYS_REVOKE)
@_key_file
@_key_name
def revoke_key(path: str, name: str) -> None:
    """Run `order-engine keys revoke`."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.revoke(path, name)


@click.command(cls=SettingCommand, help=help_texts.MIGRATE)
@with_settings(Commands.MAINTAIN)
@click.option("--dry-run", is_flag=True, help="Print what would be applied, and change nothing.")
def migrate(flags: Flags, *, dry_run: bool) -> None:
    """Run `order-engine migrate`."""
    from order_engine_adapters.cli.commands import migration  # noqa: PLC0415 - quick help

    migration.bring_up_to_date(flags, dry_run=dry_run)


@click.command(help=help_texts.SIMULATE)
@click.option("--seeds", type=click.IntRange(min=1), metavar="NUMBER", help="Number of simulations [100].")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Keep running for this many minutes.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="NUMBER", help="Simulate only this seed.")
@click.option("--first-seed", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="First seed [0].")
@click.option("--trace", is_flag=True, help="With --seed: print everything that happens.")
@click.option(
    "--orders", type=click.IntRange(min=1), default=5000, metavar="NUMBER", help="Most orders of a seed [5000]."
)
@click.option(
    "--processor", metavar="MODULE:FUNCTION", help="Processor to run; without one, only the engine is simulated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def simulate(**wanted: object) -> None:
    """Run `order-engine simulate`."""
    from order_engine_adapters.cli.commands import simulation  # noqa: PLC0415 - quick help

    simulation.simulate(simulation.SimulationOptions(**wanted))  # type: ignore[arg-type]


@click.command(cls=SettingCommand, help=help_texts.OPENAPI)
@with_settings(Commands.OPENAPI)
@click.option("--output", metavar="FILE", help="Write to this file instead of standard output.")
def openapi(flags: Flags, output: str | None) -> None:
    """Run `order-engine openapi`."""
    from order_engine_adapters.cli.commands import openapi_document  # noqa: PLC0415 - quick help

    openapi_document.describe(flags, output)


@click.group(help=help_texts.CONFIG)
def config() -> None:
    """Group the commands about settings."""


@config.command("show", cls=SettingCommand, help=help_texts.CONFIG_SHOW)
@with_settings(None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show_settings(flags: Flags, *, as_json: bool) -> None:
    """Run `order-engine config show`."""
    from order_engine_adapters.cli.commands import configuration  # noqa: PLC0415 - quick help

    configuration.show(flags, as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (
    serve,
    worker,
    import_orders,
    orders,
    metrics,
    keys,
    migrate,
    openapi,
    simulate,
    config,
)
