"""The README's calls of the service answer what the README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.service import Service, wait_until

README = Path(__file__).parents[2] / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
CALL = re.compile(r"^\$ (curl .*)\n(.*)$", re.MULTILINE)
AVERAGE = re.compile(r'(?<="average_processing_time":)[0-9.]+')
ADDRESS = "http://127.0.0.1:8000"
ANSWER_SECONDS = 10.0


class Call(NamedTuple):
    """One call in the README: what is typed, and the line that it prints."""

    command: str
    prints: str


def calls() -> Iterator[Call]:
    """Yield the README's calls, from top to bottom."""
    for block in CONSOLE.findall(README.read_text(encoding="utf-8")):
        yield from (Call(*found) for found in CALL.findall(block))


def printed(command: str, address: str) -> str:
    """Return what a call prints, sent to the service under test."""
    words = command.replace(ADDRESS, address).replace("curl ", "curl --silent --show-error ", 1)
    done = subprocess.run(  # noqa: S603 - the README's own words
        ["/bin/sh", "-c", words], check=True, capture_output=True, text=True, timeout=ANSWER_SECONDS
    )
    return comparable(done.stdout)


def comparable(line: str) -> str:
    """Return an answer with its average to a tenth of a second: no two runs take the same microseconds."""
    return AVERAGE.sub(lambda seconds: f"{float(seconds[0]):.1f}", line)


def test_the_calls_answer_what_the_readme_says(tmp_path: Path) -> None:
    """Placing, asking and counting print the README's lines, once the demonstration has had its two seconds."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    with Service(tmp_path) as service:
        service.wait_ready()
        for call in calls():
            expected = comparable(call.prints)

            def answers_so(command: str = call.command, expected: str = expected) -> bool:
                return printed(command, service.address) == expected

            wait_until(answers_so, ANSWER_SECONDS, f"{call.command} prints {expected}")


def test_there_are_calls() -> None:
    """The README places an order, asks for it, and counts: a renamed fence does not switch this file off."""
    assert [re.sub(".*8000", "", call.command).split()[0] for call in calls()] == [
        "/orders",
        "/orders/order1/status",
        "/metrics",
        "/metrics",
    ]
