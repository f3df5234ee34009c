"""The file of API keys: what is in it, what is not, two writers at once, and a running process that follows it."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from order_engine import InvalidSetting
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.http import AccessScope
from order_engine_adapters.service import key_file
from order_engine_adapters.service.key_file import KeyFileUnusable, read_keys
from order_engine_adapters.service.keys import KeyFile, add_key, revoke_key
from order_engine_adapters.sqlite.connection.file_lock import try_lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "keys.json"


def names(path: Path) -> list[str]:
    """Return whose keys are in the file."""
    return [key.identity.name for key in read_keys(path)]


def test_the_file_holds_no_key(path: Path) -> None:
    """Only its hash, whose it is, what it opens and since when; its owner alone may read it."""
    key = add_key(path, "shop", "read,write", ManualClock())
    text = path.read_text()
    assert key not in text
    # The secret itself may hold the character that stands before it.
    assert key.split("_", 2)[2] not in text
    (entry,) = json.loads(text)["keys"]
    assert entry.keys() == {"id", "name", "scopes", "sha256", "created_at"}
    assert (entry["name"], entry["scopes"]) == ("shop", ["read", "write"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (stored,) = read_keys(path)
    assert stored.identity.scopes == {AccessScope.READ, AccessScope.WRITE}
    assert KeyFile(path).ring.identify(key.encode()) == stored.identity


def test_nothing_else_is_left_in_the_folder(path: Path) -> None:
    """But the lock, which is empty."""
    add_key(path, "shop", "read")
    add_key(path, "boss", "admin")
    revoke_key(path, "shop")
    lock = path.with_name("keys.json.lock")
    assert sorted(path.parent.iterdir()) == [path, lock]
    assert lock.read_bytes() == b""


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "ü", "x" * 65, "a\n", "a/b", "{}"])
def test_a_name_is_plain(name: str, path: Path) -> None:
    """So that it can stand in a table, a log and a command."""
    with pytest.raises(InvalidSetting, match="Invalid key name"):
        add_key(path, name, "read")
    assert not path.exists()


@pytest.mark.parametrize("scopes", ["", "reed", "read,", "read write", "READ", "read,,write"])
def test_scopes_are_checked(scopes: str, path: Path) -> None:
    """An unknown scope is an error that lists the allowed ones."""
    with pytest.raises(InvalidSetting, match="Allowed: read, write, metrics, admin"):
        add_key(path, "shop", scopes)
    assert not path.exists()


def test_a_name_is_there_once(path: Path) -> None:
    """The file stays as it was; after the key is revoked the name is free."""
    add_key(path, "shop", "read")
    before = path.read_bytes()
    with pytest.raises(InvalidSetting, match="A key named shop already exists"):
        add_key(path, "shop", "admin")
    assert path.read_bytes() == before
    revoke_key(path, "shop")
    assert names(path) == []
    add_key(path, "shop", "admin")
    with pytest.raises(InvalidSetting, match="No key named 'nobody'"):
        revoke_key(path, "nobody")
    assert names(path) == ["shop"]


def test_writers_wait_for_one_another(path: Path) -> None:
    """Each key that was told is in the file, however many are made at once."""
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda number: add_key(path, f"shop{number}", "read"), range(40)))
    assert len(set(keys)) == 40
    ring = KeyFile(path).ring
    assert {identity.name for key in keys if (identity := ring.identify(key.encode()))} == set(names(path))
    assert len(names(path)) == 40


def test_a_lock_that_stays_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end."""
    monkeypatch.setattr(key_file, "LOCK_SECONDS", 0.1)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        assert try_lock(descriptor)
        with pytest.raises(KeyFileUnusable, match=r"Another process has locked .*keys\.json\.lock"):
            add_key(path, "shop", "read")
    finally:
        os.close(descriptor)
    add_key(path, "shop", "read")


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    """What it points to is replaced."""
    real = tmp_path / "real.json"
    add_key(real, "shop", "read")
    path.symlink_to(real)
    add_key(path, "boss", "admin")
    assert path.is_symlink()
    assert names(real) == ["shop", "boss"]


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda document: document.update(version=2),
    "no keys": lambda document: document.pop("keys"),
    "a name twice": lambda document: document["keys"].append({**document["keys"][0], "id": "0" * 16}),
    "an id twice": lambda document: document["keys"].append({**document["keys"][0], "name": "other"}),
    "an unknown scope": lambda document: document["keys"][0].update(scopes=["everything"]),
    "a short hash": lambda document: document["keys"][0].update(sha256="00"),
    "a number for a name": lambda document: document["keys"][0].update(name=1),
    "no time": lambda document: document["keys"][0].update(created_at="yesterday"),
    "keys that are no list": lambda document: document.update(keys=7),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_is_refused_whole(broken: str, path: Path) -> None:
    """An invalid key is not skipped: it may be one that should be revoked."""
    add_key(path, "shop", "read")
    document = json.loads(path.read_text())
    BROKEN[broken](document)
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileUnusable, match="Invalid API key file"):
        read_keys(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b"0" * (16 * 1024 * 1024 + 1)])
def test_a_file_that_is_none_is_refused(content: bytes, path: Path) -> None:
    """In one sentence, whatever is in it."""
    path.write_bytes(content)
    with pytest.raises(KeyFileUnusable, match="Invalid API key file"):
        read_keys(path)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    """With the command that makes it; a folder is no file."""
    with pytest.raises(KeyFileUnusable, match="order-engine keys add --file"):
        KeyFile(path)
    with pytest.raises(KeyFileUnusable, match="Cannot access the API key file"):
        read_keys(path.parent)
    with pytest.raises(KeyFileUnusable, match="Cannot access the API key file"):
        read_keys(Path("a\0b"))


async def test_a_running_process_follows_its_file(path: Path) -> None:
    """What is added works from the next look on, what is revoked no longer does."""
    shop = add_key(path, "shop", "read").encode()
    file = KeyFile(path)
    boss = add_key(path, "boss", "admin").encode()
    assert file.ring.identify(boss) is None
    await file.look_again()
    assert file.ring.identify(boss) is not None
    revoke_key(path, "shop")
    assert file.ring.identify(shop) is not None
    await file.look_again()
    assert file.ring.identify(shop) is None
    assert file.ring.identify(boss) is not None


async def test_a_broken_file_keeps_the_last_good_keys(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is warned of once for each change, without what stands in it; when it is mended it counts again."""
    shop = add_key(path, "shop", "read").encode()
    good = path.read_bytes()  # noqa: ASYNC240 - nobody else waits here, nor below
    file = KeyFile(path)
    for spoil in (lambda: path.write_bytes(b"hunter2"), path.unlink):
        caplog.clear()
        spoil()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                await file.look_again()
        assert file.ring.identify(shop) is not None
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "hunter2" not in caplog.text
    path.write_bytes(good.replace(b'"shop"', b'"store"'))  # noqa: ASYNC240 - as above
    await file.look_again()
    identity = file.ring.identify(shop)
    assert identity is not None
    assert identity.name == "store"
