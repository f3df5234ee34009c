"""Every test of the command line runs in an empty folder, without a variable of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.shop import InventedService, invented_service


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    for name in list(os.environ):
        if name.upper().startswith("ORDER_ENGINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def service() -> Iterator[InventedService]:
    """Start a service with responses chosen by the test."""
    with invented_service() as invented:
        yield invented
