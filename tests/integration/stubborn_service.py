"""A service whose processor is one of `stubborn.py`, and what that has noted."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.integration.service import Service, ask, run_command, wait_until

SOURCE = Path(__file__).with_name("stubborn.py")
DATABASE = ("--database-url", "sqlite:///orders.db")
GRACE = ("--grace-seconds", "0.5", "--stop-seconds", "0.5")
NOTED_SECONDS = 60.0
LEFT = re.compile(r"left ([0-9]+)$", re.MULTILINE)


def noted(folder: Path) -> str:
    """Return what the processors have noted."""
    file = folder / "noted"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def wait_noted(folder: Path, line: str) -> None:
    """Wait until the processors have noted this."""
    wait_until(lambda: line in noted(folder), NOTED_SECONDS, f"noted: {line}")


def left_processes(folder: Path) -> Sequence[int]:
    """Return the processes that processors have left behind."""
    return [int(found) for found in LEFT.findall(noted(folder))]


def body(work: str) -> bytes:
    """Return an order of this work."""
    return f'{{"order_id": "{work}", "user_id": "{work}", "item_ids": ["item"], "total_amount": 1}}'.encode()


def is_alive(process_id: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def stubborn(  # noqa: PLR0913 - each by its name
    folder: Path,
    *flags: str,
    processor: str = "work",
    command: str = "serve",
    database: Sequence[str] = DATABASE,
    uvloop: bool = True,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """Give a service that runs a processor of `stubborn.py`, and leave none of its children behind."""
    (folder / "stubborn.py").write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    if not uvloop:
        (folder / "uvloop.py").write_text("raise ImportError('hidden')\n", encoding="utf-8")
    flags = (*database, *GRACE, "--processor", f"stubborn:{processor}", *flags)
    try:
        with Service(folder, *flags, command=command, variables=variables) as service:
            yield service
    finally:
        for process_id in left_processes(folder):
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)


def do(service: Service, *works: str) -> None:
    """Place an order of each work, and wait until all have begun. A service that is blocked answers nothing."""
    for work in works:
        with suppress(OSError):
            assert ask(service.address, "POST", "/orders", body(work), seconds=5).status == 201
    for work in works:
        wait_noted(service.folder, f"{work} began")


def import_works(folder: Path, *works: str, database: Sequence[str] = DATABASE) -> None:
    """Place an order of each work where no service takes it."""
    lines = b"\n".join(body(work) for work in works)
    (folder / "works.jsonl").write_bytes(lines)
    assert run_command(folder, "import", *database, "works.jsonl").returncode == 0
