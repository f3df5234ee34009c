"""A real proxy in front of a service: started on a free port of loopback as an unprivileged user, and always ended.

    with serving(tmp_path) as service, running_proxy(CADDY, service.address) as proxy:
        ... ask proxy.address ...

`running_proxy(kind, address, site)` takes the part of the configuration that a user writes, the site. It is written as
in the docs: for a service at 127.0.0.1:8000 and a proxy that listens on the port 8080. Both are replaced by what there
is. Without a site it is the shortest one that forwards everything (`kind.site`). What a proxy needs beside it, to run
in a folder of its own and without root, is in `kinds.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.integration.proxies.kinds import FOLDER, PORT, SERVICE, SERVICE_PORT, SITE, Kind
from tests.integration.service import wait_until
from tests.postgres_server import free_port, unprivileged

PLACES: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
START_SECONDS: Final = 60.0
"""Varnish compiles its configuration, which takes a while on a machine that is busy."""
END_SECONDS: Final = 20.0
LONGEST_NOTE: Final = 2000


@dataclass
class Proxy:
    """One proxy of a kind."""

    kind: Kind
    service: str
    """The address of the service behind it."""
    folder: Path
    site: str
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The URL that the proxy answers at."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the proxy has written: to its outputs, and to the file of its errors where it has one."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def start(self) -> None:
        """Start it and wait until it listens."""
        configuration = self.folder / "configuration"
        configuration.write_text(self._filled(self.kind.frame.replace(SITE, self.site)), encoding="utf-8")
        # Before the folder is given to the user it runs as: what is written there later has to be that user's.
        with (self.folder / "output.log").open("wb") as output:
            command = [*unprivileged(self.folder), self._program(), *map(self._filled, self.kind.arguments)]
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=self._environment(),
                start_new_session=True,
            )
        wait_until(self._listens, START_SECONDS, f"{self.kind.program} listens")

    def stop(self) -> None:
        """End it with all of its processes."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        finally:
            # Also what a master that was killed has left behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_SECONDS)

    def _filled(self, text: str) -> str:
        service = urlsplit(self.service)
        words = {
            FOLDER: str(self.folder),
            PORT: str(self.port),
            SERVICE: service.netloc,
            # Varnish wants the host and the port each by itself.
            SERVICE_PORT: str(service.port),
        }
        # In one pass: a word may be a part of what another one stands for.
        return re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[0]], text)

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": PLACES, "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "LC_ALL": "C"}

    def _program(self) -> str:
        found = shutil.which(self.kind.program, path=PLACES)
        if found is None:
            message = f"no {self.kind.program}: install the package {self.kind.package}"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return found

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log[-LONGEST_NOTE:]
        try:
            socket.create_connection(("127.0.0.1", self.port), END_SECONDS).close()
        except ConnectionRefusedError:
            return False
        return True


@contextmanager
def running_proxy(kind: Kind, service: str, site: str | None = None) -> Iterator[Proxy]:
    """Run a proxy in front of the service at this address as long as the context lasts.

    The test is skipped where the program is missing, and fails there where CI is set.
    """
    with tempfile.TemporaryDirectory(prefix="order-engine-proxy-") as folder:
        proxy = Proxy(kind, service, Path(folder), kind.site if site is None else site)
        try:
            proxy.start()
            yield proxy
        except BaseException as error:
            error.add_note(f"{kind.program} wrote:\n{proxy.log[-LONGEST_NOTE:]}")
            raise
        finally:
            proxy.stop()
