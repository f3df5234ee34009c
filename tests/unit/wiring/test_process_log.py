"""The log of a process: its forms, its level, and that a configuration of the user's own is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from order_engine_adapters.service.log_stream import MAX_BYTES, LogStream

PROGRAM = """
import logging, sys
from order_engine_adapters.service.process_log import begin_log, hand_over_log
from order_engine_adapters.settings import Settings

settings = Settings.given(**{settings})
begin_log(settings)
logging.getLogger("order_engine").warning("early")
{module}
hand_over_log(settings)
logging.getLogger("order_engine").warning("ours", extra={{"order_id": "order1", "attempt": 2}})
logging.getLogger("order_engine.http").warning("below")
logging.info("information")
logging.debug("detail")
logging.getLogger("shop").warning("theirs")
"""
OWN_ROOT = """
logging.config.dictConfig({
    "version": 1,
    "formatters": {"plain": {"format": "OWN %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
})
"""
OWN_SHOP = """
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("OWN %(name)s %(message)s"))
logging.getLogger("shop").addHandler(handler)
"""


def written(module: str = "", **settings: str) -> list[str]:
    """Return the lines on standard error of a process whose user's module is so."""
    program = PROGRAM.format(settings=settings, module=module)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def documents(lines: list[str]) -> list[dict[str, Any]]:
    """Return the documents in JSON lines."""
    return [json.loads(line) for line in lines]


def test_without_a_terminal_each_line_is_a_document() -> None:
    """With the time in UTC, level, logger, message, process, and what is known of the order."""
    told = documents(written())
    assert [each["message"] for each in told] == ["early", "ours", "below", "theirs"]
    ours = told[1]
    assert (ours["level"], ours["logger"], ours["order_id"], ours["attempt"]) == (
        "warning",
        "order_engine",
        "order1",
        2,
    )
    assert ours["time"].endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(ours["time"])).total_seconds()) < 60
    assert all(each["process"] for each in told)


def test_a_traceback_stays_within_its_line() -> None:
    """A document has no second line."""
    module = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.getLogger('order_engine').exception('failed')"
    (told,) = [each for each in documents(written(module)) if each["message"] == "failed"]
    assert told["error"] == "ZeroDivisionError"
    assert told["traceback"].startswith("Traceback")


def test_text_is_for_people() -> None:
    """Time, level, logger and message; what a terminal would obey is an escape sequence."""
    lines = written("logging.getLogger('order_engine').warning('\\x1b[31mred')", log_format="text")
    assert [line.partition("Z ")[2] for line in lines] == [
        "WARNING order_engine: early",
        "WARNING order_engine: \\x1b[31mred",
        "WARNING order_engine: ours",
        "WARNING order_engine.http: below",
        "WARNING shop: theirs",
    ]
    assert all(datetime.fromisoformat(line.partition(" ")[0]) for line in lines)


@pytest.mark.parametrize(
    ("level", "messages"),
    [
        ("debug", ["early", "ours", "below", "information", "detail", "theirs"]),
        ("INFO", ["early", "ours", "below", "information", "theirs"]),
        ("error", ["early"]),
    ],
)
def test_the_level_is_for_everybodys_lines(level: str, messages: list[str]) -> None:
    """A processor's own `logging.info` too."""
    assert [each["message"] for each in documents(written(log_level=level))] == messages


@pytest.mark.parametrize("module", [OWN_ROOT, "logging.basicConfig(format='OWN %(name)s %(message)s', level='INFO')"])
def test_a_configuration_of_the_users_own_is_left_alone(module: str) -> None:
    """Every line is theirs, in their form and at their level, once; our loggers are not disabled by it."""
    lines = written(f"import logging.config\n{module}", log_level="debug")
    own = ["order_engine ours", "order_engine.http below", "root information", "shop theirs"]
    assert lines[1:] == [f"OWN {each}" for each in own]


def test_a_logger_with_a_handler_of_its_own_is_not_written_twice() -> None:
    """A configuration of one logger leaves all others to us."""
    lines = written(OWN_SHOP, log_format="text")
    assert [line.rpartition(": ")[2] for line in lines] == ["early", "ours", "below", "OWN shop theirs"]


def test_the_process_that_takes_over_a_log_writes_each_line_once() -> None:
    """As a forked member of several does: what it inherited is replaced."""
    assert [each["message"] for each in documents(written("begin_log(settings)"))] == [
        "early",
        "ours",
        "below",
        "theirs",
    ]


def test_a_reader_that_does_not_read_keeps_nobody_waiting() -> None:
    """What does not fit is kept up to a bound, then dropped, and the number of dropped lines is written."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb") as reader:
        log = LogStream(stream)
        line = "x" * 999 + "\n"
        lines = 2 * MAX_BYTES // len(line)
        for _ in range(lines):
            log.write(line)
        received = b""
        os.set_blocking(reading, False)
        while chunk := reader.read(1024 * 1024):
            received += chunk
            log.flush()
        log.write("last\n")
        received += reader.read(1024 * 1024)
    told = received.decode().splitlines()
    assert told[-1] == "last"
    assert "because the reader of the log is too slow" in told[-2]
    dropped = int(told[-2].split()[2])
    assert len(told) - 2 + dropped == lines
    assert dropped > 0


def test_a_stream_without_a_descriptor_is_written_at_once(tmp_path: Path) -> None:
    """A file is never behind; what is no file is written as it is."""
    from io import StringIO  # noqa: PLC0415 - of this test only

    text = StringIO()
    LogStream(text).write("line\n")
    assert text.getvalue() == "line\n"
    with (tmp_path / "log").open("w") as file:
        LogStream(file).write("caf\u00e9\ud800\n")
    assert (tmp_path / "log").read_bytes() == b"caf\xc3\xa9\\ud800\n"
