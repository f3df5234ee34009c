"""The program: all commands, and the conversion of errors into a line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from order_engine_adapters.cli import declarations, help_texts
from order_engine_adapters.cli.failures import CommandExit, error_line, exit_for

DISTRIBUTION = "order-engine"


class Program(click.Group):
    """A command group that reports errors in one line instead of click's three or a traceback."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - click's own signature
        """Run the program and exit."""
        try:
            options["standalone_mode"] = False
            code = super().main(*arguments, **options)
            # Flushed here, where errors are reported, and not at interpreter exit.
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as asked:
            asked.show()
            sys.exit(asked.exit_code)
        except Exception as error:
            ending = exit_for(error)
            if ending is None:
                raise
            _end(ending)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, and handle exceptions that click would report in its own words or suppress."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            ending = exit_for(error)
            if ending is None:
                raise
            raise ending from error


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - nobody else needs it

        click.echo(f"order-engine {version(DISTRIBUTION)}")
        context.exit()


@click.group(
    cls=Program,
    help=help_texts.PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def program() -> None:
    """Run the commands of `order-engine`."""


for _command in declarations.COMMANDS:
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line `arguments`, by default those of the process, and exit."""
    _prepare_streams()
    program.main(arguments, prog_name="order-engine")


def _prepare_streams() -> None:
    # Standard streams that are closed at the start are None. Output to them is discarded.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the whole process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - likewise
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the terminal cannot encode are escaped instead of raising an error.
        sys.stdout.reconfigure(errors="backslashreplace")


def _end(ending: CommandExit) -> NoReturn:
    if sentence := str(ending):
        click.echo(error_line(sentence), err=True)
    _discard_output()
    sys.exit(ending.exit_code)


def _discard_output() -> None:
    # Otherwise the interpreter would try to flush standard output again at exit and report the error twice.
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
