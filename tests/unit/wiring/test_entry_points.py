"""Adapters are found by the scheme of their URL, ours and third parties' alike."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_engine import InvalidSetting
from order_engine_adapters.memory import open_queue, open_repository
from order_engine_adapters.wiring import entry_points

SECRET = "hunter2"  # noqa: S105 - not a password of anything

ENTRY_POINTS = """
[order_engine.repositories]
third-party = third_party_adapter:open_repository
broken = third_party_adapter:there_is_no_such_thing

[order_engine.queues]
third-party = third_party_adapter:open_queue
"""
MODULE = """
from order_engine_adapters.memory import open_queue, open_repository
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a package that brings adapters of its own."""
    information = tmp_path / "third_party_adapter-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party-adapter\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "third_party_adapter.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("third_party_adapter", None)


def test_our_own_adapters_are_found() -> None:
    """`memory://` is an entry point like any other."""
    assert entry_points.repository_opener("memory://") is open_repository
    assert entry_points.queue_opener("memory://?capacity=7") is open_queue
    assert entry_points.has_queue("memory://")


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_adapters_are_found() -> None:
    """An installed package brings a scheme by its entry points, without a word in this project."""
    assert entry_points.repository_opener("third-party://user@host/x") is open_repository
    assert entry_points.queue_opener("third-party:") is open_queue
    assert entry_points.has_queue("third-party://host")


def test_an_adapter_that_is_not_installed_is_not_found() -> None:
    """Without that package the same URL is an error."""
    assert not entry_points.has_queue("third-party://host")
    with pytest.raises(InvalidSetting, match="third-party"):
        entry_points.repository_opener("third-party://host")


@pytest.mark.parametrize(
    "url",
    [
        "nowhere://host",
        "",
        "no scheme at all",
        "//host/path",
        "7up://host",
        "memory",
        "://",
        "nowhere://[::1",
        "nowhere://user:pass[word@host",
    ],
)
def test_an_unknown_scheme_is_an_error_that_says_what_there_is(url: str) -> None:
    """The message names the scheme, or its absence, and lists the available schemes."""
    assert not entry_points.has_queue(url)
    for opener, kind in [(entry_points.repository_opener, "repository"), (entry_points.queue_opener, "queue")]:
        with pytest.raises(InvalidSetting, match=kind) as error:
            opener(url)
        assert "memory://" in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url", [f"nowhere://user:{SECRET}@host/db", f"nowhere://us[er:{SECRET}@host", f"user {SECRET}:x", f"/{SECRET}:x"]
)
def test_no_error_tells_a_secret(url: str) -> None:
    """Only the scheme of the URL is repeated."""
    with pytest.raises(InvalidSetting) as error:
        entry_points.repository_opener(url)
    assert SECRET not in str(error.value)
    assert error.value.__context__ is None or SECRET not in str(error.value.__context__)


def test_a_scheme_is_read_without_regard_to_case() -> None:
    """As in every URL."""
    assert entry_points.repository_opener("MEMORY://") is open_repository
