"""A real browser, Chromium without a window, driven by the W3C WebDriver protocol through its chromedriver."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.service import wait_until
from tests.postgres_server import free_port

BROWSER: Final = "chromium"
DRIVER: Final = "chromedriver"
ARGUMENTS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1280,1600",
)  # fmt: skip
"""Without a sandbox, since tests also run as root; and with as few requests of the browser's own as can be."""
CALL_SECONDS: Final = 60.0
START_SECONDS: Final = 30.0
PAGE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Browser:
    """One window of a browser."""

    port: int
    session: str

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._ask("POST", "url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the script returns
        """Return what the body of a function returns in the page."""
        return self._ask("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, what: str, seconds: float = PAGE_SECONDS) -> None:
        """Wait until the body of a function returns something true in the page."""
        wait_until(lambda: bool(self.run(script)), seconds, what)

    def complaints(self) -> Sequence[str]:
        """Return the new console messages: errors, warnings and policy violations."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._log("browser")]

    def requests(self) -> Sequence[str]:
        """Return the URL of every request of the page since this was asked last."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]

    def photograph(self, file: Path) -> None:
        """Keep a picture of the window."""
        file.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))

    def _log(self, kind: str) -> Sequence[Mapping[str, Any]]:
        entries: Sequence[Mapping[str, Any]] = self._ask("POST", "se/log", {"type": kind})
        return entries

    def _ask(self, method: str, what: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - as asked
        return call(self.port, method, f"/session/{self.session}/{what}", body)


def call(port: int, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - as asked
    """Return the value that a WebDriver answers with. Raises AssertionError for an error."""
    connection = HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        with connection.getresponse() as response:
            value = json.load(response)["value"]
    finally:
        connection.close()
    assert response.status == 200, value
    return value


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Run a browser with a new profile in `folder`, which is gone with all its processes afterwards."""
    need_programs()
    port = free_port()
    with (folder / "chromedriver.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the distribution's program
            [DRIVER, f"--port={port}"],
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until(lambda: _is_ready(port), START_SECONDS, "chromedriver is ready")
            session = call(port, "POST", "/session", _wanted(folder))["sessionId"]
            yield Browser(port, session)
            call(port, "DELETE", f"/session/{session}")
        finally:
            # What the browser has started is in the group of the driver.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(START_SECONDS)


def need_programs() -> None:
    """Skip where the browser or its driver is missing, but never in CI."""
    missing = [program for program in (BROWSER, DRIVER) if shutil.which(program) is None]
    if missing:
        message = f"no {' and no '.join(missing)}: install the packages chromium and chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def _is_ready(port: int) -> bool:
    try:
        return bool(call(port, "GET", "/status")["ready"])
    except OSError:
        return False


def _wanted(folder: Path) -> Mapping[str, object]:
    options = {"binary": shutil.which(BROWSER), "args": [*ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]}
    logs = {"browser": "ALL", "performance": "ALL"}
    return {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logs}}}
