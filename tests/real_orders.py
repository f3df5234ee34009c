"""Where the real orders are: a folder beside the checkout, or the one that `REAL_ORDERS` names.

They are not part of the repository. Where they are absent a test says so and is skipped, but never in CI.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "REAL_ORDERS"
LARGEST_FILE = "online_retail_2010-12.jsonl.gz"


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the real orders; without it, skip, or fail where continuous integration runs."""
    folder = Path(environment.get(VARIABLE) or ROOT.parent / "shared" / "data")
    if (folder / LARGEST_FILE).is_file():
        return folder
    reason = f"no real orders in {folder}: set {VARIABLE} to the folder that holds {LARGEST_FILE}"
    if environment.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def data_file(name: str) -> Path:
    """Return the path of one file of the real orders."""
    return data_folder() / name
