"""A shortage of threads in a real service: of address space, which they need, or of the user's processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.integration.service import PROGRAM, Service, wait_until

if sys.platform != "linux":
    pytest.skip("limits another process, as Linux does", allow_module_level=True)

import resource

THREADS: Final = 8
SECONDS: Final = 60
STACK_BYTES: Final = 256 * 1024 * 1024
SHOP: Final = """
import time

def work(order):
    time.sleep(0.1)
"""
BEGIN: Final = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_STACK, ({stack}, resource.getrlimit(resource.RLIMIT_STACK)[1]))
words = [sys.executable, *{program}, *sys.argv[1:]]
os.execvp({before}[0] if {before} else words[0], [*{before}, *words])
"""


class Shortage(Protocol):
    """What threads can be lacking for, with the settings of the service that go with it."""

    before: tuple[str, ...]
    """The program, with its arguments, that the service is started by."""
    stack_bytes: int

    def allow(self, process: int, threads: int | None) -> None:
        """Allow a process so many threads beyond those that it has now; None: as many as it likes."""
        ...


class NoMemory:
    """Each thread needs a stack, for which there is no room in the address space."""

    before = ()
    stack_bytes = STACK_BYTES

    def allow(self, process: int, threads: int | None) -> None:
        """Leave room for half a stack more: the service needs memory for other things."""
        limit = most = resource.getrlimit(resource.RLIMIT_AS)[1]
        if threads is not None:
            pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[0])
            limit = pages * resource.getpagesize() + STACK_BYTES * threads + STACK_BYTES // 2
        resource.prlimit(process, resource.RLIMIT_AS, (limit, most))


class NoProcesses:
    """A user may have so many threads (`ulimit -u`): one who has no others, and may read our files."""

    user = ("setpriv", f"--reuid={1_000_000 + os.getpid()}")
    rights = "+dac_override,+dac_read_search"
    before = (*user, f"--inh-caps={rights}", f"--ambient-caps={rights}")
    stack_bytes = 8 * 1024 * 1024

    def allow(self, process: int, threads: int | None) -> None:
        """Count those that there are."""
        limit = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if threads is not None:
            limit = len(list(Path(f"/proc/{process}/task").iterdir())) + threads
        # Only that user may do it, where root lacks the right to.
        words = [*self.user, "prlimit", "--pid", str(process), f"--nproc={limit}:"]
        subprocess.run(words, check=True)  # noqa: S603 - our own words


class Limited:
    """A service that may have few threads more."""

    def __init__(self, service: Service, shortage: Shortage) -> None:
        """Limit nothing yet."""
        self.service = service
        self._shortage = shortage

    def allow(self, threads: int | None) -> None:
        """Allow so many threads beyond those that there are now; None: as many as it likes."""
        self._shortage.allow(self.service.process.pid, threads)

    def place(self, name: str, orders: int) -> None:
        """Place so many orders."""
        fields = {"user_id": "user1", "item_ids": ["tea"], "total_amount": "50.00"}
        body = json.dumps([{"order_id": f"{name}{number}", **fields} for number in range(orders)]).encode()
        assert self.service.post("/orders/batch", body).status == 200

    def completed(self) -> int:
        """Return how many orders are Completed."""
        return int(self.service.get("/metrics").json()["status_counts"]["Completed"])

    def is_ready(self) -> bool:
        """Whether orders can be placed; if not, it is for a lack of threads."""
        answer = self.service.get("/readyz")
        assert answer.status == 200 or answer.json()["state"] == "exhausted"
        return answer.status == 200

    def releases(self, name: str, orders: int) -> int:
        """Return how often these orders were claimed in vain."""
        histories = [self.service.get(f"/orders/{name}{number}/history").json() for number in range(orders)]
        return sum(event["type"] == "released" for each in histories for event in each["events"])


@contextmanager
def limited(folder: Path, shortage: Shortage) -> Iterator[Limited]:
    """Give a service whose limit can be set."""
    if shortage.before and not _may_be_somebody_else(shortage.before):
        pytest.skip("this user may not start a process of a user that has no others")
    most = resource.getrlimit(resource.RLIMIT_STACK)[1]
    if most != resource.RLIM_INFINITY and most < shortage.stack_bytes:
        pytest.skip("this user may not have stacks so large")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    begin = BEGIN.format(stack=shortage.stack_bytes, program=PROGRAM, before=shortage.before)
    flags = ("--database-url", "sqlite:///orders.db", "--processor", "shop:work", "--threads", str(THREADS))
    with Service(folder, *flags, program=("-c", begin), variables={"MALLOC_ARENA_MAX": "1"}) as service:
        service.wait_ready()
        yield Limited(service, shortage)


def _may_be_somebody_else(begin: Sequence[str]) -> bool:
    if any(shutil.which(program) is None for program in ("setpriv", "prlimit")):
        return False
    return subprocess.run([*begin, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603 - as above


@pytest.mark.parametrize("shortage", [NoMemory(), NoProcesses()], ids=lambda each: type(each).__name__)
def test_a_service_settles_at_the_threads_that_there_are(tmp_path: Path, shortage: Shortage) -> None:
    """Without any it is not ready; with three it is, works on three orders at once, and claims no order in vain."""
    with limited(tmp_path, shortage) as service:
        service.allow(0)
        service.place("none", 20)
        wait_until(lambda: not service.is_ready(), SECONDS, "it is not ready")
        service.allow(3)
        wait_until(service.is_ready, SECONDS, "it is ready with three threads")
        wait_until(lambda: service.completed() == 20, SECONDS, "the orders are Completed")
        service.place("three", 40)

        def completed_meanwhile() -> bool:
            assert service.is_ready()
            return service.completed() == 60

        wait_until(completed_meanwhile, SECONDS, "the orders are Completed by three threads")
        assert service.releases("three", 40) == 0
        service.allow(None)
        service.place("all", 20)
        wait_until(lambda: service.completed() == 80, SECONDS, "the orders are Completed")
        service.service.signal()
        assert service.service.wait() == 0
        assert service.service.errors.count("Cannot start attempts") == 1
        assert service.service.errors.count("Attempts can start again") == 1
        assert "Cannot start more" not in service.service.errors
        assert "Traceback" not in service.service.errors
