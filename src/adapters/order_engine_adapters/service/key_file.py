"""The API key file: atomic reads, and writes by one process at a time."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from order_engine import Unavailable
from order_engine.wire import time_text
from order_engine_adapters.http.access.keys import AccessScope, Identity, StoredKey
from order_engine_adapters.sqlite.connection.file_lock import try_lock

VERSION: Final = 1
LARGEST_FILE: Final = 16 * 1024 * 1024
OWNER_ONLY: Final = 0o600
LOCK_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.05
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
KEY_ID: Final = re.compile("[0-9a-f]{16}")
DIGEST: Final = re.compile("[0-9a-f]{64}")


class KeyFileUnusable(Unavailable):
    """The API key file cannot be read, written or parsed."""

    code = "key_file_unusable"


def read_keys(path: Path) -> Sequence[StoredKey]:
    """Return the keys in a file. Raises KeyFileUnusable."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        message = f"API key file {path} does not exist. Create it with `order-engine keys add --file {path}`."
        raise KeyFileUnusable(message) from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    try:
        return _keys_in(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"Invalid API key file {path} ({type(error).__name__}: {error})."
        raise KeyFileUnusable(message) from error


@contextmanager
def changing(path: Path, *, may_create: bool = False) -> Iterator[list[StoredKey]]:
    """Yield the keys in a file as a list and write the list back. Concurrent writers wait.

    The file is replaced atomically. Raises KeyFileUnusable.
    """
    # Keeps symbolic links: the file they point to is replaced.
    target = path.resolve()
    with _locked(target):
        keys = [] if may_create and not target.exists() else list(read_keys(target))
        yield keys
        _write(target, _content_of(keys))


def _keys_in(content: bytes) -> Sequence[StoredKey]:
    if len(content) > LARGEST_FILE:
        message = f"it exceeds {LARGEST_FILE:,} bytes"
        raise ValueError(message)
    document = json.loads(content)
    if document["version"] != VERSION:
        message = f"it does not have version {VERSION}"
        raise ValueError(message)
    keys = [_key_of(entry) for entry in document["keys"]]
    if len({key.identity.key_id for key in keys}) < len(keys) or len({key.identity.name for key in keys}) < len(keys):
        message = "two keys have the same name or id"
        raise ValueError(message)
    return keys


def _key_of(entry: dict[str, Any]) -> StoredKey:
    key_id, name, digest = entry["id"], entry["name"], entry["sha256"]
    if not (KEY_ID.fullmatch(key_id) and NAME.fullmatch(name) and DIGEST.fullmatch(digest)):
        message = "a key has an invalid id, name or hash"
        raise ValueError(message)
    scopes = frozenset(map(AccessScope, entry["scopes"]))
    return StoredKey(Identity(key_id, name, scopes), bytes.fromhex(digest), datetime.fromisoformat(entry["created_at"]))


def _content_of(keys: Sequence[StoredKey]) -> bytes:
    entries = [
        {
            "id": key.identity.key_id,
            "name": key.identity.name,
            "scopes": key.identity.scope_names,
            "sha256": key.digest.hex(),
            "created_at": time_text(key.created_at.astimezone(UTC)),
        }
        for key in keys
    ]
    return json.dumps({"version": VERSION, "keys": entries}, indent=2).encode() + b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock on a separate file, which stays: deleting it would race with other processes opening it."""
    lock = Path(f"{path}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), OWNER_ONLY)
    except OSError as error:
        raise _unusable(lock, error) from error
    try:
        _wait_for(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, lock: Path) -> None:
    last = time.monotonic() + LOCK_SECONDS
    while not try_lock(descriptor):
        if time.monotonic() > last:
            message = f"Another process has locked {lock} for {LOCK_SECONDS:g} s. Retry when it has finished."
            raise KeyFileUnusable(message)
        time.sleep(LOOK_SECONDS)


def _write(path: Path, content: bytes) -> None:
    # In the same folder, so that the replacement is atomic, and with a unique name.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _keep_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _unusable(path, error) from error


def _keep_folder(folder: Path) -> None:
    """Flush the directory entry to disk, if the system supports it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError | ValueError) -> KeyFileUnusable:
    reason = error.strerror if isinstance(error, OSError) else None
    return KeyFileUnusable(f"Cannot access the API key file {path}: {reason or error}.")
