"""Creating, listing, revoking and reloading API keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from order_engine import InvalidSetting
from order_engine.ports.clock import Clock
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http.access.keys import AccessScope, KeyRing, StoredKey, new_key
from order_engine_adapters.service.key_file import NAME, KeyFileUnusable, changing, read_keys

LOOK_SECONDS: Final = 1.0
"""Interval of checks for changes of the file. A revoked key is valid for at most that long."""

_logger = logging.getLogger("order_engine")


def add_key(path: Path, name: str, scopes: str, clock: Clock | None = None) -> str:
    """Create a key, store its hash in the file, which is created if missing, and return the key.

    `scopes` are comma-separated. Raises InvalidSetting, also for a name in use, and KeyFileUnusable.
    """
    wanted = _scopes(scopes)
    if not NAME.fullmatch(name):
        message = (
            f"Invalid key name {name[:80]!r}. Use 1 to 64 letters, digits and . _ @ -, starting with a letter or digit."
        )
        raise InvalidSetting(message)
    with changing(path, may_create=True) as keys:
        if any(key.identity.name == name for key in keys):
            message = f"A key named {name} already exists. Choose another name or revoke that key first."
            raise InvalidSetting(message)
        key, stored = new_key(name, wanted, (clock or SystemClock()).now())
        keys.append(stored)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from the file. Raises InvalidSetting for an unknown name, and KeyFileUnusable."""
    with changing(path) as keys:
        left = [key for key in keys if key.identity.name != name]
        if len(left) == len(keys):
            message = f"No key named {name[:80]!r} in {path}."
            raise InvalidSetting(message)
        keys[:] = left


def _scopes(text: str) -> frozenset[AccessScope]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in set(AccessScope)]
    if unknown:
        message = f"Unknown scope {unknown[0][:80]!r}. Allowed: {', '.join(AccessScope)}."
        raise InvalidSetting(message)
    return frozenset(map(AccessScope, names))


class KeyFile:
    """API keys of a running process, reloaded when their file changes."""

    def __init__(self, path: Path) -> None:
        """Read the keys. Raises KeyFileUnusable."""
        self._path = path
        self._seen = _look_of(path)
        self.ring: KeyRing = KeyRing(read_keys(path))

    async def follow(self, clock: Clock) -> None:
        """Reload the keys when the file changes. Never returns.

        If the file is missing or invalid, a warning is logged and the previous keys stay valid.
        """
        while True:
            await clock.sleep(LOOK_SECONDS)
            await self.look_again()

    async def look_again(self) -> None:
        """Reload the keys if the file has changed."""
        # In a thread: the folder may be on a network file system that does not respond.
        look = await asyncio.to_thread(_look_of, self._path)
        if look == self._seen:
            return
        # Recorded before the file is read, so that a concurrent change is detected the next time.
        self._seen = look
        try:
            keys: Sequence[StoredKey] = await asyncio.to_thread(read_keys, self._path)
        except KeyFileUnusable as error:
            _logger.warning("Reloading the API keys failed; the previous keys stay valid: %s", error)
            return
        self.ring.exchange(keys)
        _logger.info("Loaded %d API keys.", len(keys))


def _look_of(path: Path) -> tuple[int, ...] | None:
    """Return attributes of the file that differ after a change or replacement, or None if it is missing."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
