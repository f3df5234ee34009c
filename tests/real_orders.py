"""Where the real orders are: a folder beside the checkout, or the one that `REAL_ORDERS` names.

They are not part of the repository. Where they are absent a test says so and is skipped, but never in CI.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def data_file(name: str) -> Path:
    """Return the path of a data file; skip the test where it is absent, and fail it in CI."""
    folder = Path(os.environ.get("REAL_ORDERS", ROOT.parent / "shared" / "data"))
    path = folder / name
    if not path.exists():
        message = f"{name} is not in {folder}: name its folder in the environment variable REAL_ORDERS"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
