"""Commands that end by themselves, interrupted before: one line says so, with the exit code of the signal."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.service import PROGRAM, clean_environment, expect_one_line

START_SECONDS = 60.0


@pytest.fixture(autouse=True)
def heed_interrupts() -> Iterator[None]:
    """Let children heed SIGINT, which these tests ignore where a shell has started them in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", [("migrate",), ("orders", "list")])
@pytest.mark.parametrize("later_seconds", [0.0, 0.001, 0.01])
def test_a_command_that_waits_is_interrupted(
    tmp_path: Path, command: tuple[str, ...], number: signal.Signals, code: int, later_seconds: float
) -> None:
    """While it connects to a database that does not answer, and while it waits for its word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(START_SECONDS)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/shop"
        words = [sys.executable, *PROGRAM, *command, "--database-url", url]
        with subprocess.Popen(  # noqa: S603 - our own program
            words, cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True
        ) as asking:
            connection, _ = silent.accept()
            with connection:
                # Not for a condition: it is the moment of the signal that differs.
                time.sleep(later_seconds)
                asking.send_signal(number)
                _, errors = asking.communicate(timeout=START_SECONDS)
        assert asking.returncode == code
        expect_one_line(errors, "Interrupted.")
