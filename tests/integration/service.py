"""`order-engine serve` as a real process, and what a test asks of it: started, ready, killed and always reaped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

PROGRAM = ("-m", "order_engine_adapters.cli")
START_SECONDS = 60.0
END_SECONDS = 30.0
COMMAND_SECONDS = 30.0
LOOK_SECONDS = 0.01
LONGEST_NOTE = 2000
ADDRESS = re.compile(r"answers at (http://\S+)")
JSON_TYPE = "application/json"


class Answer(NamedTuple):
    """One HTTP answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    def json(self) -> Any:  # noqa: ANN401 - whatever the document holds
        """Return the document in the body."""
        return json.loads(self.body)


class Service:
    """One process of `order-engine serve` on a database file in a folder, on a free port."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
        command: str = "serve",
    ) -> None:
        """Start the process and do not wait for it; it works in `folder`, and so does what it writes."""
        self.folder = folder
        self._output = _fresh(folder, "output")
        self._errors = _fresh(folder, "errors")
        words = [sys.executable, *program, command, "--port", "0", *flags]
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                words,
                cwd=folder,
                env=clean_environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def __enter__(self) -> Self:
        """Leave nothing running behind."""
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill the process if it still runs, and reap it."""
        self.kill()
        if error is not None:
            error.add_note(f"the service wrote:\n{self.output[-LONGEST_NOTE:]}{self.errors[-LONGEST_NOTE:]}")

    @property
    def output(self) -> str:
        """What the process has written to its standard output."""
        return self._output.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What the process has written to its standard error."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        """The address that the process has printed; empty before."""
        printed = ADDRESS.search(self.output)
        return printed.group(1) if printed else ""

    def wait_ready(self, seconds: float = START_SECONDS) -> Self:
        """Wait until the service announces its address."""
        wait_until(lambda: bool(self._alive() and self.address), seconds, "the service prints its address")
        wait_until(lambda: self._alive() and self.get("/readyz").status == 200, seconds, "the service is ready")
        return self

    def get(self, path: str) -> Answer:
        """Return the answer to a GET."""
        return ask(self.address, "GET", path)

    def post(self, path: str, body: bytes = b"") -> Answer:
        """Return the answer to a POST of a JSON document."""
        return ask(self.address, "POST", path, body)

    def kill(self) -> None:
        """Kill the process, as kill -9 does, and reap it."""
        self.process.kill()
        self.process.wait(END_SECONDS)

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Wait for the end of the process, and return its exit code."""
        return self.process.wait(seconds)

    def _alive(self) -> bool:
        if self.process.poll() is not None:
            message = f"the service has ended with exit code {self.process.returncode}"
            raise AssertionError(message)
        return True


@contextmanager
def serving(
    folder: Path,
    *flags: str,
    database: str = "orders.db",
    variables: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Service]:
    """Give a service that is ready, on the file `database` in `folder`."""
    url = f"sqlite:///{database}"
    with Service(folder, "--database-url", url, *flags, variables=variables, program=program) as service:
        yield service.wait_ready()


def run_command(
    folder: Path, *arguments: str, variables: Mapping[str, str] | None = None, seconds: float = COMMAND_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run `order-engine` with arguments in a folder, to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *PROGRAM, *arguments],
        cwd=folder,
        env=clean_environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def ask(address: str, method: str, path: str, body: bytes = b"", seconds: float = 15) -> Answer:
    """Return the answer to one request on a connection of its own. Raises OSError where there is no service."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=seconds)
    headers = {"Content-Type": JSON_TYPE} if body else {}
    try:
        connection.request(method, path, body or None, headers)
        with connection.getresponse() as response:
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read().decode())
    except HTTPException as error:
        message = f"{method} {path} was not answered: {error!r}"
        raise ConnectionError(message) from error
    finally:
        connection.close()


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition is true. Raises AssertionError after a timeout."""
    last = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > last:
            message = f"not within {seconds:g} s: {what}"
            raise AssertionError(message)
        time.sleep(LOOK_SECONDS)


def clean_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without settings of ours, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("ORDER_ENGINE_")}
    return kept | dict(variables or {})


def expect_one_line(text: str, *parts: str) -> None:
    """Check that a message is one line with the given parts and without a traceback."""
    assert len(text.strip().splitlines()) == 1, text
    for part in parts:
        assert part in text, text


def _fresh(folder: Path, kind: str) -> Path:
    """Return a file that no earlier process in the folder has written to."""
    number = sum(1 for _ in folder.glob(f"service-*.{kind}"))
    return folder / f"service-{number:03d}.{kind}"
