"""Errors of commands: one line with the remedy, and an exit code."""

from __future__ import annotations

import click

from order_engine_adapters.process.signals import Terminated

ENVIRONMENT_ERROR = 1
USAGE_ERROR = 2
REFUSED_LINES = 3
INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141
"""128 plus the signal number, as shells report a program ended by a signal."""

NO_MESSAGE = ""


class CommandExit(Exception):
    """Ends the program with an exit code, and a message on standard error unless it is empty."""

    def __init__(self, sentence: str, exit_code: int = ENVIRONMENT_ERROR) -> None:
        """Exit with `exit_code`, by default that of an environment error."""
        self.exit_code = exit_code
        super().__init__(sentence)


def escaped(text: str) -> str:
    """Return a text that is safe on a terminal, with unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def exit_for(error: BaseException) -> CommandExit | None:
    """Return the exit for an error; None for a bug, which gets a traceback."""
    if isinstance(error, CommandExit):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CommandExit("Interrupted.", interrupted_code(error))
    if isinstance(error, BrokenPipeError):
        return CommandExit(NO_MESSAGE, BROKEN_PIPE)
    if isinstance(error, click.ClickException):
        return CommandExit(_usage_sentence(error), error.exit_code)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return CommandExit(f"{where}{error.strerror or error}.")
    return _ending_of_ours(error)


def interrupted_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of an interrupted or terminated program."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def error_line(sentence: str) -> str:
    """Return the line for standard error, without control characters and secrets."""
    line = escaped(" ".join(sentence.split()))
    if "://" in line:
        from order_engine_adapters.wiring.masking import masked  # noqa: PLC0415 - not for every wrong word

        line = masked(line)
    return f"order-engine: {line}"


def _usage_sentence(error: click.ClickException) -> str:
    sentence = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        # click appends its suggestions in parentheses.
        sentence = sentence.replace("(Did you mean", "Did you mean").replace("?)", "?")
        end = "" if sentence.endswith((".", "?")) else "."
        sentence = f"{sentence}{end} Try '{error.ctx.command_path} --help'."
    return sentence


def _ending_of_ours(error: BaseException) -> CommandExit | None:
    from order_engine import InvalidCursor, InvalidQuery, InvalidSetting, OrderEngineError  # noqa: PLC0415 - as above

    if isinstance(error, OrderEngineError):
        wrong_usage = isinstance(error, InvalidSetting | InvalidQuery | InvalidCursor)
        return CommandExit(str(error), USAGE_ERROR if wrong_usage else ENVIRONMENT_ERROR)
    return None
