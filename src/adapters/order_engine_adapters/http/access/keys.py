"""Who may do what: the scopes, the keys, and how a key is recognised."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, Protocol

KEY: Final = re.compile(rb"oe_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
SECRET_BYTES: Final = 32
NO_DIGEST: Final = bytes(32)
"""What a key of an unknown id is compared with, so that it takes as long as any other wrong key."""


class AccessScope(StrEnum):
    """What a key opens."""

    READ = "read"
    """Every GET of orders and events."""
    WRITE = "write"
    """Placing and cancelling."""
    METRICS = "metrics"
    """`/metrics`."""
    ADMIN = "admin"
    """All of these, and redriving."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose key it is: its public id, its name, and its scopes."""

    key_id: str
    name: str
    scopes: frozenset[AccessScope]

    @property
    def scope_names(self) -> list[str]:
        """The scopes as they are written, in the order in which they are declared."""
        return [scope.value for scope in AccessScope if scope in self.scopes]

    def may(self, scope: AccessScope) -> bool:
        """Whether the key opens what is under `scope`."""
        return scope in self.scopes or AccessScope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key: its hash, and whose it is."""

    identity: Identity
    digest: bytes
    created_at: datetime


class Keys(Protocol):
    """Knows keys."""

    def identify(self, key: bytes) -> Identity | None:
        """Return whose key it is; None for a key that is not valid. Called for every request, so it must not wait."""
        ...


class KeyRing:
    """The keys of a service; they may be exchanged while it runs."""

    def __init__(self, keys: Iterable[StoredKey] = ()) -> None:
        """Know these keys."""
        self.exchange(keys)

    def exchange(self, keys: Iterable[StoredKey]) -> None:
        """Know these keys instead, from the next request on."""
        self._keys: Mapping[bytes, StoredKey] = {key.identity.key_id.encode(): key for key in keys}

    def identify(self, key: bytes) -> Identity | None:
        """Return whose key it is; None for a key that is not valid."""
        form = KEY.fullmatch(key)
        stored = self._keys.get(form[1]) if form is not None else None
        expected = stored.digest if stored is not None else NO_DIGEST
        if hmac.compare_digest(digest_of(key), expected) and stored is not None:
            return stored.identity
        return None


def new_key(name: str, scopes: Iterable[AccessScope], now: datetime) -> tuple[str, StoredKey]:
    """Make a key: the key itself, which is told once, and what is kept of it.

    Its chance comes from the operating system and from nowhere else: whoever could replay it would have every key.
    """
    key_id = secrets.token_hex(8)
    key = f"oe_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return key, StoredKey(Identity(key_id, name, frozenset(scopes)), digest_of(key.encode()), now)


def digest_of(key: bytes) -> bytes:
    """Return the hash that is kept of a key.

    A plain SHA-256: salts and slow hashes protect what people think up. A key has 256 bits of chance, so there is no
    dictionary to try, and every request pays for the hash.
    """
    return sha256(key).digest()
