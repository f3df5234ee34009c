"""What a URL says about files, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_engine_adapters.wiring.files import absent_file, ends_with_its_process


def test_a_database_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path as the URL has it: relative to the working directory, or absolute, or percent-encoded."""
    monkeypatch.chdir(tmp_path)
    assert absent_file("sqlite:///orders.db") == Path("orders.db")
    assert absent_file(f"sqlite:///{tmp_path}/my%20orders.db") == tmp_path / "my orders.db"
    (tmp_path / "orders.db").touch()
    assert absent_file("SQLITE:///orders.db") is None


@pytest.mark.parametrize(
    "url", ["postgresql://host/db", "memory://", "sqlite://", "sqlite:", "sqlite://host/x", "sqlite:///a%00b", "", "x"]
)
def test_what_names_no_file_is_left_to_its_opener(url: str) -> None:
    """Which says what is wrong with it."""
    assert absent_file(url) is None


def test_a_repository_in_memory_ends_with_its_process() -> None:
    """No other process can look into it."""
    assert ends_with_its_process("memory://?capacity=7")
    assert not ends_with_its_process("sqlite:///orders.db")
