"""What holds for every test."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest
from hypothesis import settings

ENDED_EARLY: Final = 70

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help="Run the tests that take minutes too.")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print how long a run of everything takes."""
    if not _runs_everything(config):
        return None
    return "All tests take 10 to 20 minutes on two cores. Skipped tests are listed at the end, each with its reason."


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run whole folders in one process a core, single files in this one, where a debugger works.

    With more, tests of real processes that have time limits fail for want of processor time.
    """
    if config.option.usepdb or not all(map(_is_folder, config.args)):
        return 0
    return os.cpu_count() or 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the long tests where nobody asked for them."""
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: run with --long"))


@pytest.fixture(scope="session", autouse=True)
def the_run_is_not_ended_early() -> Iterator[None]:
    """Let code that ends its process end no run of the tests as if all had passed; processes of its own it may end."""
    own, end = os.getpid(), os._exit

    def refuse(code: int) -> NoReturn:
        if os.getpid() == own:
            os.write(2, f"A test has ended the whole run:\n{''.join(traceback.format_stack())}".encode())
            end(ENDED_EARLY)
        end(code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", refuse)
        yield


def _runs_everything(config: pytest.Config) -> bool:
    return config.args == config.getini("testpaths") and not config.option.keyword


def _is_folder(argument: str) -> bool:
    return Path(argument).is_dir()
