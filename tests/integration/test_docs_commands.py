"""The shell commands of the documentation run as described, and end with exit code 0."""

from __future__ import annotations

import asyncio
import gzip
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from order_engine import NewOrder, Order, Rejected
from order_engine_adapters import open_engine
from tests.integration.inspection import body_of
from tests.integration.service import Service, clean_environment
from tests.unit.docs.pages import PAGES, ROOT, command_lines, name_of

PROGRAM: Final = "order-engine"
ELSEWHERE: Final = ("…", ".example", "/etc/", "./run", "make ", "pip ", "git ")
"""What needs other machines, the root of this one, or the project's own set-up, which CI runs by itself."""
COMMAND_SECONDS: Final = 60.0
SHOP: Final = "async def fulfil(order):\n    pass\n"


def typed(page: Path) -> Iterator[str]:
    """Yield the lines that a reader types, one after the other, but for those that need another machine."""
    for line in command_lines(page, "sh"):
        if line.is_whole and not any(word in line.text for word in ELSEWHERE):
            yield line.text


TYPED: Final = [page for page in PAGES if any(typed(page))]


async def _prepare(folder: Path) -> None:
    """Let the orders be there that the pages speak of: order1 has failed, order2 waits."""

    async def refuse(_: Order) -> None:
        message = "out of stock"
        raise Rejected(message)

    url = f"sqlite:///{folder / 'order_engine.db'}"
    async with open_engine(url, processor=refuse) as engine:
        await engine.place(NewOrder(order_id="order1", user_id="user1", item_ids=["item1"], total_amount="1"))
        await engine.wait_for("order1", seconds=COMMAND_SECONDS)
    async with open_engine(url, processor=None) as engine:
        await engine.place(NewOrder(order_id="order2", user_id="user1", item_ids=["item1"], total_amount="1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder like a reader's: with a processor, orders, and the programs of this project."""
    asyncio.run(_prepare(tmp_path))
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    (tmp_path / "orders.jsonl.gz").write_bytes(gzip.compress(body_of("imported") + b"\n"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {PROGRAM: "-m order_engine_adapters.cli", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("page", TYPED, ids=name_of)
def test_what_a_page_tells_to_type_does_what_it_says(page: Path, folder: Path) -> None:
    """In the page's order, in one folder. A service starts, answers and drains."""
    for line in typed(page):
        words = shlex.split(line)
        if words[:2] == [PROGRAM, "serve"]:
            _serve(folder, words[2:])
        else:
            _run(folder, line)


def _serve(folder: Path, flags: list[str]) -> None:
    # In a file of its own: it would work on the orders that the commands are about.
    with Service(folder, "--database-url", "sqlite:///served.db", *flags) as service:
        service.wait_ready()
        assert service.get("/livez").status == 200
        service.signal(signal.SIGTERM)
        assert service.wait() == 0


def _run(folder: Path, line: str) -> None:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - the words of our own pages
        ["/bin/sh", "-ec", line],
        cwd=folder,
        env=clean_environment({"PATH": path}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def test_there_is_something_to_type() -> None:
    """A renamed fence does not switch this file off."""
    lines = [line for page in TYPED for line in typed(page)]
    assert sum(line.startswith(PROGRAM) for line in lines) >= 12
    assert any(line.startswith(f"{PROGRAM} serve") for line in lines)
