"""The commands as click declares them. What they do is imported when they run."""

from __future__ import annotations

import click

from order_engine.domain.setting import Commands
from order_engine_adapters.cli.flags import Flags, SettingCommand, SettingGroup, with_settings

STATUSES = ("Pending", "Processing", "Completed", "Failed", "Cancelled")

_json = click.option("--json", "as_json", is_flag=True, help="For machines: JSON as the HTTP service answers it.")
_order_id = click.argument("order_id", metavar="ID")


@click.command(cls=SettingCommand)
@with_settings(Commands.SERVE)
def serve(flags: Flags) -> None:
    """Serve HTTP and work on orders, in one process.

    Without any flag: http://127.0.0.1:8000, a SQLite file in the working directory, and a demonstration in place of
    the work on an order. SIGTERM and Ctrl-C finish what is running and end with exit code 0.
    """
    from order_engine_adapters.service import service  # noqa: PLC0415 - quick help
    from order_engine_adapters.settings import Settings  # noqa: PLC0415 - quick help

    service.run_service(Settings.from_environment(**flags), say=click.echo)


@click.command(cls=SettingCommand)
@with_settings(Commands.WORKER)
@click.option("--port", type=click.IntRange(0, 65535), metavar="NUMBER", help="Answer /livez, /readyz, /metrics there.")
def worker(flags: Flags, port: int | None) -> None:
    """Work on orders without taking any over HTTP.

    Beside a `serve` on the same repository, as many as wanted, where the repository is for several processes. SIGTERM
    and Ctrl-C finish what is running and end with exit code 0.
    """
    from order_engine_adapters.service import service  # noqa: PLC0415 - quick help
    from order_engine_adapters.settings import Settings  # noqa: PLC0415 - quick help

    service.run_worker(Settings.from_environment(**flags), port, say=click.echo)


@click.command("import", cls=SettingCommand)
@with_settings(Commands.IMPORT)
@click.argument("path", metavar="FILE")
def import_orders(flags: Flags, path: str) -> None:
    """Place the orders of a file of JSON lines.

    Each line is one order, as POST /orders takes it; the file may be packed by gzip.

    Interrupted and run again it ends the same: orders that are there already are not placed again. Lines that are
    refused go to FILE.refused.jsonl, each with its reason; the exit code is then 3.
    """
    from order_engine_adapters.cli.importing import run  # noqa: PLC0415 - quick help

    run.import_file(flags, path)


@click.group()
def orders() -> None:
    """List and show orders; cancel and redrive one.

    The commands ask the running service (--url, or whichever holds the SQLite file), else the repository itself.
    """


@orders.command("list", cls=SettingCommand)
@with_settings(Commands.OPERATE)
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only orders in this status.")
@click.option("--user-id", metavar="ID", help="Only orders of this user.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, metavar="NUMBER", help="Orders in one page, 1 to 1000 [100]."
)
@click.option("--cursor", metavar="CURSOR", help="Go on after an earlier page: its `next`, with the same filters.")
@click.option("--all", "every_page", is_flag=True, help="All pages; with --json one document a line.")
@_json
def list_orders(flags: Flags, **question: object) -> None:
    """List orders, newest first."""
    from order_engine_adapters.cli.commands import order_list  # noqa: PLC0415 - quick help

    order_list.list_orders(flags, order_list.ListOptions(**question))  # type: ignore[arg-type]


@orders.command(cls=SettingCommand)
@with_settings(Commands.OPERATE)
@_order_id
@click.option("--history", is_flag=True, help="Show the order's events; with --json these alone.")
@_json
def show(flags: Flags, order_id: str, *, history: bool, as_json: bool) -> None:
    """Show one order. An ID that begins with - comes after --."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.show(flags, order_id, history=history, as_json=as_json)


@orders.command(cls=SettingCommand)
@with_settings(Commands.OPERATE)
@_order_id
@_json
def cancel(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Cancel an order. A processor that is at work on it is told to stop."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.cancel(flags, order_id, as_json=as_json)


@orders.command(cls=SettingCommand)
@with_settings(Commands.OPERATE)
@_order_id
@_json
def redrive(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Give a Failed order a new round of attempts."""
    from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

    operate.redrive(flags, order_id, as_json=as_json)


@click.group(cls=SettingGroup, invoke_without_command=True, subcommand_metavar="[rebuild …]")
@with_settings(Commands.OPERATE)
@_json
def metrics(flags: Flags, *, as_json: bool) -> None:
    """Show how many orders there are in each status."""
    below = click.get_current_context().invoked_subcommand
    if below is None:
        from order_engine_adapters.cli.commands import operate  # noqa: PLC0415 - quick help

        operate.metrics(flags, as_json=as_json)
    elif flags or as_json:
        message = f"Flags come behind {below}, not before it."
        raise click.UsageError(message)


@metrics.command(cls=SettingCommand)
@with_settings(Commands.MAINTAIN)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=86_400, min_open=True),
    default=3600,
    metavar="SECONDS",
    help="The time limit of the count, on PostgreSQL [3600].",
)
@_json
def rebuild(flags: Flags, *, seconds: float, as_json: bool) -> None:
    """Count all orders of the repository anew, and correct the counters where they are wrong.

    On PostgreSQL nobody waits meanwhile. A file of SQLite must not be held by another process.
    """
    from order_engine_adapters.cli.commands import rebuild_metrics  # noqa: PLC0415 - quick help

    rebuild_metrics.rebuild(flags, seconds=seconds, as_json=as_json)


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys of a file, which `serve --api-keys-file` reads.

    A running service follows the file: no restart is needed.
    """


_key_file = click.option("--file", "path", required=True, metavar="FILE", help="The file of the keys' hashes.")
_key_name = click.option("--name", required=True, metavar="NAME", help="Whose key it is; each name is there once.")


@keys.command("add")
@_key_file
@_key_name
@click.option(
    "--scopes",
    required=True,
    metavar="SCOPES",
    help="What it opens, separated by commas: read, write (place and cancel), metrics, admin (all, and redrive).",
)
def add_key(path: str, name: str, scopes: str) -> None:
    """Make a key and print it, alone, on standard output. It is shown this once: the file holds only its hash."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.add(path, name, scopes)


@keys.command("list")
@_key_file
@_json
def list_keys(path: str, *, as_json: bool) -> None:
    """List whose keys there are and what they open."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.show(path, as_json=as_json)


@keys.command("revoke")
@_key_file
@_key_name
def revoke_key(path: str, name: str) -> None:
    """Take a key out of the file. Running services stop taking it within a second or two."""
    from order_engine_adapters.cli.commands import api_keys  # noqa: PLC0415 - quick help

    api_keys.revoke(path, name)


@click.command(cls=SettingCommand)
@with_settings(Commands.MAINTAIN)
@click.option("--dry-run", is_flag=True, help="Say what would be applied, and change nothing.")
def migrate(flags: Flags, *, dry_run: bool) -> None:
    """Bring the schema of the repository up to date.

    Every process does so when it starts, any number of them at once; this command does it beforehand, and tells.
    """
    from order_engine_adapters.cli.commands import migration  # noqa: PLC0415 - quick help

    migration.bring_up_to_date(flags, dry_run=dry_run)


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), metavar="NUMBER", help="How many simulations [100].")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), metavar="NUMBER", help="Go on for so long.")
@click.option("--seed", type=click.IntRange(min=0), metavar="NUMBER", help="Simulate this one seed.")
@click.option("--first-seed", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="Begin with this seed [0].")
@click.option("--trace", is_flag=True, help="With --seed: tell everything that happens.")
@click.option(
    "--orders", type=click.IntRange(min=1), default=5000, metavar="NUMBER", help="The most orders of a seed [5000]."
)
@click.option("--processor", metavar="MODULE:FUNCTION", help="The work on an order; without it the engine alone.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document.")
def simulate(**wanted: object) -> None:
    """Simulate the whole engine in virtual time under every fault, and hold it against its promises.

    Each seed is one simulation: processes that crash, pause and are cut off from the repository, clients that come
    again and cancel, processors that fail, hang and kill. The same seed gives the same simulation again. The exit code
    is 1 where a promise was broken; the story of the first such seed is told then.
    """
    from order_engine_adapters.cli.commands import simulation  # noqa: PLC0415 - quick help

    simulation.simulate(simulation.SimulationOptions(**wanted))  # type: ignore[arg-type]


@click.command(cls=SettingCommand)
@with_settings(Commands.OPENAPI)
@click.option("--output", metavar="FILE", help="Write it there instead of to standard output.")
def openapi(flags: Flags, output: str | None) -> None:
    """Print the OpenAPI 3.1 document of the service, made of its settings.

    A running service has the same at /openapi.json, and at /docs a page that shows it.
    """
    from order_engine_adapters.cli.commands import openapi_document  # noqa: PLC0415 - quick help

    openapi_document.describe(flags, output)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command("show", cls=SettingCommand)
@with_settings(None)
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document.")
def show_settings(flags: Flags, *, as_json: bool) -> None:
    """Show every setting, its value and who said so: a flag, the environment, .env, or nobody. Secrets are hidden."""
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
