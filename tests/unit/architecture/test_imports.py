"""Imports point the way that the architecture says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
LINT = f"from importlinter.cli import lint_imports; raise SystemExit(lint_imports({str(PYPROJECT)!r}, no_cache=True))"


def test_the_import_contracts_are_kept() -> None:
    """No import of the packages breaks a contract in pyproject.toml; the report of a broken one is shown.

    In a process of its own: the linter switches off every logger that it finds, those of other tests among them.
    """
    done = subprocess.run([sys.executable, "-c", LINT], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
