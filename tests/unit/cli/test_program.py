"""The program as a whole: fast help, one line per error, distinct exit codes."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import click
import pytest

from order_engine import AdapterFault, InvalidSetting, OrderEngineError, Status, Unavailable
from order_engine.domain.setting import Commands, settings_of
from order_engine_adapters.cli import declarations, main
from order_engine_adapters.cli.failures import exit_for
from order_engine_adapters.cli.flags import flags_of
from order_engine_adapters.cli.program import program
from order_engine_adapters.service import service
from order_engine_adapters.service.announcer import PrintLine
from order_engine_adapters.settings import Settings
from tests.unit.cli.shop import one_line, run

SECRET = "hunter2"  # noqa: S105 - not a password of anything
HEAVY = {
    "asyncio",
    "dependency_injector",
    "order_engine.application.engine",
    "order_engine_adapters.wiring",
    "dotenv",
    "rich",
    "starlette",
    "uvicorn",
}


def real(*arguments: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    start = ["-c", code] if code else ["-m", "order_engine_adapters.cli"]
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("serve", "--help"), ("orders", "list", "-h")])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Click and the standard library are all that help needs, so it is there at once."""
    code = (
        "import sys, order_engine_adapters.cli as cli\n"
        "try:\n cli.main()\n"
        "except SystemExit as ended:\n sys.stderr.write(' '.join(sys.modules)); sys.exit(ended.code)"
    )
    ended = real(*arguments, code=code)
    assert ended.returncode == 0
    assert ended.stdout
    assert HEAVY.isdisjoint(ended.stderr.split())


def test_the_version_is_that_of_the_package() -> None:
    """As it is installed."""
    assert run("--version").output == f"order-engine {version('order-engine')}\n"


def test_the_program_is_installed() -> None:
    """As `order-engine`."""
    (script,) = entry_points(group="console_scripts", name="order-engine")
    assert script.load() is main


def commands(below: click.Group = program, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command with the words that call it."""
    yield path, below
    for name, command in below.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


EVERY_COMMAND = list(commands())
every_command = pytest.mark.parametrize(
    ("path", "command"), EVERY_COMMAND, ids=[" ".join(path) or "order-engine" for path, _ in EVERY_COMMAND]
)


@every_command
def test_every_command_has_help(path: tuple[str, ...], command: click.Command) -> None:
    """It begins with a sentence, and every option has one too."""
    shown = run(*path, "--help")
    assert shown.exit_code == 0
    assert (command.help or "").splitlines()[0] in " ".join(shown.output.split())
    assert command.help is not None
    assert command.help.splitlines()[0].endswith(".")
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


@every_command
def test_no_docstring_is_shown(path: tuple[str, ...], command: click.Command) -> None:
    """Docstrings are for developers: click shows one where a command has no help of its own."""
    assert command.callback is not None
    docstring = inspect.getdoc(command.callback)
    assert docstring
    assert docstring.splitlines()[0] not in run(*path, "--help").output


def test_a_group_without_a_command_shows_its_help() -> None:
    """It is wrong usage all the same."""
    for group in [(), ("orders",), ("config",)]:
        result = run(*group)
        assert result.exit_code == 2
        assert "Commands:" in result.output


def test_every_setting_is_a_flag_where_it_makes_sense() -> None:
    """`config show` has all of them, and `serve` all but the address of another service."""
    known = settings_of(Settings).keys() - {"api_key"}
    assert set(flags_of(None)) == known
    assert set(flags_of(Commands.SERVE)) == known - {"url"}
    assert set(flags_of(Commands.OPERATE)) == {"url", "database_url", "queue_url", "request_seconds"}
    assert set(flags_of(Commands.MAINTAIN)) == {"database_url"}
    assert set(flags_of(Commands.IMPORT)) > {*flags_of(Commands.OPERATE), "batch_orders", "max_body_bytes", "max_items"}
    assert set(flags_of(Commands.WORKER)).isdisjoint({"port", "root_path", "max_body_bytes", "max_connections"})
    assert {"root_path", "page_limit", "max_items"} < set(flags_of(Commands.OPENAPI))


def test_the_statuses_are_those_of_an_order() -> None:
    """Also a list that may not import what it repeats."""
    assert list(Status) == list(declarations.STATUSES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nonsense"], "No such option '--nonsense'. Try 'order-engine --help'."),
        (["nonsense"], "No such command 'nonsense'. Try 'order-engine --help'."),
        (["serve", "--prot", "1"], "Did you mean one of: '--host', '--port'? Try 'order-engine serve --help'."),
        (["serve", "extra"], "unexpected extra argument (extra)"),
        (["serve", "--port"], "requires an argument"),
        (["orders", "show"], "Missing argument 'ID'. Try 'order-engine orders show --help'."),
        (["orders", "list", "--limit", "0"], "--limit"),
        (["orders", "list", "--status", "Lost"], "'Lost'"),
        (["import"], "Missing argument 'FILE'"),
        (["serve", "--port", "many"], "Setting port must be a whole number between 0 and 65,535, not 'many'."),
        (["serve", "--port", ""], "Setting port must not be empty"),
        (["serve", "--host", "192.0.2.1"], "--allow-anonymous"),
        (["serve", "--api-key", SECRET], "No such option '--api-key'"),
        (["metrics", "--url", f"http://user:{SECRET}@host"], "ORDER_ENGINE_API_KEY"),
        (["metrics", f"postgresql://user:{SECRET}@host/db"], "postgresql://user:***@host/db"),
        (["metrics", "--database-url", f"nowhere://user:{SECRET}@host/db"], "a URL with nowhere:"),
        (["metrics", "--database-url", f"memory://user:{SECRET}@host"], "--url"),
        (["orders", "list", "--cursor", "abc", "--database-url", "sqlite:///here.db"], "none of the order list"),
    ],
    ids=str,
)
def test_wrong_usage_is_one_line_with_exit_code_2(folder: Path, arguments: list[str], sentence: str) -> None:
    """With the remedy and without secrets."""
    if "here.db" in str(arguments):
        run("import", str(_empty(folder)), "--database-url", "sqlite:///here.db")
        sentence = "Invalid cursor. Use `next` of the previous page"
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in one_line(result)
    assert SECRET not in result.output
    assert result.stdout == ""


def test_a_wrong_url_of_a_service_is_one_line_with_exit_code_2() -> None:
    """In a separate process, because `serve` installs signal handlers and forces its exit."""
    ended = real("serve", "--port", "0", "--database-url", f"memory://user:{SECRET}@host")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "order-engine: Invalid memory URL 'memory://user:***@host'. Use memory:// or memory://?capacity=1000000\n"
    )


def test_a_misspelt_variable_is_wrong_usage() -> None:
    """Not silence."""
    result = run("metrics", ORDER_ENGINE_PROT="1")
    assert result.exit_code == 2
    assert one_line(result) == "Unknown variable ORDER_ENGINE_PROT. Did you mean ORDER_ENGINE_PORT?"


def test_serve_runs_the_service_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags win over the environment. Messages are printed at once."""
    given: list[Settings] = []

    def run_service(settings: Settings, say: PrintLine) -> None:
        given.append(settings)
        say("listening")

    monkeypatch.setattr(service, "run_service", run_service)
    result = run("serve", "--port", "0", "--allow-anonymous", "--host", "::", ORDER_ENGINE_PORT="1")
    assert (result.exit_code, result.output) == (0, "listening\n")
    assert (given[0].port, given[0].host, given[0].allow_anonymous) == (0, "::", True)


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (InvalidSetting("Set it\nright."), 2, "Set it right."),
        (Unavailable("No\x1b[31m way."), 1, r"No\x1b[31m way."),
        (AdapterFault(f"At x://u:{SECRET}@h."), 1, "At x://u:***@h."),
        (OSError(28, "No space left on device", "orders.db"), 1, "orders.db: No space left on device."),
        (OSError(5, "Input/output error"), 1, "Input/output error."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
    ids=repr,
)
def test_expected_trouble_is_one_line(
    error: BaseException, exit_code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2: wrong usage or setting; 1: the environment; 130: Ctrl-C."""
    monkeypatch.setattr(service, "run_service", _raiser(error))
    result = run("serve")
    assert result.exit_code == exit_code
    assert one_line(result) == line


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unexpected errors must be debuggable."""
    monkeypatch.setattr(service, "run_service", _raiser(LookupError("a bug")))
    assert isinstance(run("serve").exception, LookupError)


def test_a_reader_that_has_enough_ends_it_quietly(folder: Path) -> None:
    """`| head` closes the pipe: no word, and the exit code of a program that a broken pipe has ended."""
    for arguments in ["config show", "metrics --database-url sqlite:///here.db"]:
        run("import", str(_empty(folder)), "--database-url", "sqlite:///here.db")
        reading, writing = os.pipe()
        os.close(reading)
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "order_engine_adapters.cli", *arguments.split()],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        os.close(writing)
        assert ended.stderr.replace(b"\nPrecedence: flags, environment, .env, defaults.\n", b"") == b""
        assert ended.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    """Reported once, and not again at interpreter exit."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "order_engine_adapters.cli", "config", "show", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, b"order-engine: No space left on device.\n")


def test_a_terminal_that_cannot_show_a_character_gets_an_escape() -> None:
    """Not a traceback."""
    ended = real("config", "show", "--processor", "大:f", PYTHONIOENCODING="latin-1", PYTHONUTF8="1")
    assert ended.returncode == 0
    assert r"\u5927:f" in ended.stdout


def test_every_error_of_ours_ends_in_a_line() -> None:
    """A subclass that this program has never seen is the environment's fault, not a bug's."""

    class Unheard(OrderEngineError):
        """An error of a third party."""

    ending = exit_for(Unheard("Not heard of."))
    assert ending is not None
    assert ending.exit_code == 1


def _empty(folder: Path) -> Path:
    path = folder / "empty.jsonl"
    path.touch()
    return path


def _raiser(error: BaseException) -> PrintLine:
    def run_service(settings: object, say: object = None) -> None:
        del settings, say
        raise error

    return run_service
