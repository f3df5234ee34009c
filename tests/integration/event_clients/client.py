"""Real clients of event streams, each in a small program of its own that writes down what its client hands on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pytest

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
INSTALL_SECONDS: Final = 300.0
END_SECONDS: Final = 20.0
LONGEST_NOTE: Final = 2000
PYTHON_CLIENTS: Final = ("aiohttp-sse-client", "httpx-sse", "requests-sse", "sseclient-py")
NODE_CLIENTS: Final = (
    "event-source-polyfill", "eventsource", "eventsource-client", "fetch-event-source", "reconnecting-eventsource",
)  # fmt: skip


class NotInstalled(Exception):
    """What the clients need is not there."""


class Told(NamedTuple):
    """One event as a client has handed it on."""

    type: str
    event_id: str
    data: str


@dataclass(frozen=True)
class RunningClient:
    """One program that follows a stream."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    @property
    def told(self) -> Sequence[Told]:
        """Everything that has been handed on so far."""
        assert self.process.poll() is None, self.trouble
        whole, _, _ = self.output.read_text(encoding="utf-8").rpartition("\n")
        documents = map(json.loads, whole.splitlines())
        return [Told(each["type"], each["id"], each["data"]) for each in documents]

    def has_placed(self, order_id: str) -> bool:
        """Return whether the client has received the placed event of an order."""
        return any(each.type == "placed" and f'"{order_id}"' in each.data for each in self.told)

    @property
    def trouble(self) -> str:
        """What the program has complained of."""
        return f"{self.name} wrote:\n{self.errors.read_text(errors='replace')[-LONGEST_NOTE:]}"

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(END_SECONDS)


def node_commands(folder: Path) -> Mapping[str, Sequence[str]]:
    """Install the packages into a folder, and return how each client is started.

    Raises NotInstalled without Node.js, or without a registry that has the packages.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        message = "no Node.js: install the packages nodejs and npm"
        raise NotInstalled(message)
    place = shutil.copytree(HERE / "in_node", folder / "in_node")
    installed = subprocess.run(  # noqa: S603 - our own words
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if installed.returncode:
        message = f"npm ci failed: {installed.stderr[-LONGEST_NOTE:]}"
        raise NotInstalled(message)
    return {name: (node, str(place / f"{name}.mjs")) for name in NODE_CLIENTS}


def python_commands() -> Mapping[str, Sequence[str]]:
    """Return how each client is started."""
    package = "tests.integration.event_clients.in_python"
    return {name: (sys.executable, "-m", f"{package}.with_{name.replace('-', '_')}") for name in PYTHON_CLIENTS}


@contextmanager
def running_client(name: str, command: Sequence[str], url: str, folder: Path) -> Iterator[RunningClient]:
    """Let a client follow a stream as long as the context lasts."""
    output, errors = folder / f"{name}.output", folder / f"{name}.errors"
    with output.open("wb") as to_output, errors.open("wb") as to_errors:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [*command, url],
            cwd=ROOT,
            # Whatever proxy the machine uses has no business between a test and its service.
            env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
            stdin=subprocess.DEVNULL,
            stdout=to_output,
            stderr=to_errors,
        )
    client = RunningClient(name, process, output, errors)
    try:
        yield client
    except BaseException as error:
        error.add_note(client.trouble)
        raise
    finally:
        client.end()


def skip(message: str) -> None:
    """Skip a test, or fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
