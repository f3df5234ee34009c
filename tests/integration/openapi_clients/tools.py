"""Programs that a machine may lack, and how they are run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
SECONDS: Final = 300
"""Against hanging; each takes seconds."""
QUIET: Final = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
"""No program asks anybody for anything but what it is to do."""


def need_module(name: str) -> None:
    """Skip where a tool of the group `contract` is not installed, but never in CI."""
    if importlib.util.find_spec(name) is None:
        missing(f"{name} is not installed: it is in the dependency group contract")


def need_node() -> None:
    """Skip where there is no Node.js, but never in CI."""
    if shutil.which("npm") is None:
        missing("npm is not installed")


def missing(reason: str) -> None:
    """Skip the test, or fail it in CI, where everything is there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of a program that not every machine has, in CI either; skip where it is not there."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*words: str | Path, folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """Run a program that is to succeed, and return what it printed."""
    done = subprocess.run(  # noqa: S603 - tools of ours
        list(map(str, words)),
        cwd=folder,
        env={**os.environ, **QUIET, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def copied(names: Sequence[str], folder: Path) -> Path:
    """Copy files from beside this one into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(HERE / name, folder)
    return folder


class NodeTools:
    """The packages of package-lock.json, installed."""

    def __init__(self, folder: Path) -> None:
        """Install them into a folder."""
        self.modules = copied(["package.json", "package-lock.json"], folder) / "node_modules"
        # Scripts of packages would fetch what no registry has.
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", folder=folder)

    def run(self, name: str, *words: str | Path, folder: Path) -> str:
        """Run one of their programs, and return what it printed."""
        return run(self.modules / ".bin" / name, *words, folder=folder)
