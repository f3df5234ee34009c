"""The public interface is written down: a change of it is seen in a diff, and has its place in the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import public_api, python_reference


def test_the_interface_is_the_one_that_is_committed(capsys: pytest.CaptureFixture[str]) -> None:
    """`make api` writes it: whoever changed the interface commits what has changed, and says so in CHANGELOG.md."""
    assert public_api.main(["--check"]) == 0, capsys.readouterr().err


def test_a_change_of_the_interface_is_reported_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the command."""
    snapshot = tmp_path / "public_api.txt"
    monkeypatch.setattr(public_api, "ROOT", tmp_path)
    monkeypatch.setattr(public_api, "SNAPSHOT", snapshot)
    assert public_api.main(["--check"]) == 1
    assert "make api" in capsys.readouterr().err
    assert public_api.main([]) == 0
    assert public_api.main(["--check"]) == 0
    text = snapshot.read_text(encoding="utf-8")
    assert "    async def place(order: NewOrder, *, idempotency_key: str | None = None) -> Placed\n" in text
    snapshot.write_text(text.replace("idempotency_key", "key"), encoding="utf-8")
    assert public_api.main(["--check"]) == 1


def test_a_name_without_a_place_in_the_reference_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing public goes without documentation."""
    groups = {title: names for title, names in python_reference.GROUPS.items() if title != "Follow events"}
    monkeypatch.setattr(python_reference, "GROUPS", groups)
    with pytest.raises(ValueError, match="EventType"):
        python_reference.python_reference()
