"""What a command says when it cannot do its work: one line that says what to do, and an exit code."""

from __future__ import annotations

import click

from order_engine_adapters.process.signals import Terminated

ENVIRONMENT_ERROR = 1
USAGE_ERROR = 2
REFUSED_LINES = 3
INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141
"""128 and the number of the signal that would have ended a program without a handler, as shells count."""

NO_MESSAGE = ""


class CommandExit(Exception):
    """An end of the program with an exit code, and with a sentence for standard error where there is one to say."""

    def __init__(self, sentence: str, exit_code: int = ENVIRONMENT_ERROR) -> None:
        """End with `exit_code`, that of an error of the environment by default."""
        self.exit_code = exit_code
        super().__init__(sentence)


def escaped(text: str) -> str:
    """Return a text that is safe on a terminal: whatever cannot be printed stands as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def exit_for(error: BaseException) -> CommandExit | None:
    """Return how the program ends for an error; None for a bug, whose traceback is wanted."""
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
    """Return the exit code of a program that was interrupted, or terminated."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def error_line(sentence: str) -> str:
    """Return what is written to standard error for a sentence: one line, without control characters and secrets."""
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
