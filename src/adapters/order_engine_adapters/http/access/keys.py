"""API keys: scopes, identities, and verification."""

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
"""Digest to compare with for an unknown key id, so that it takes as long as any other wrong key."""


class AccessScope(StrEnum):
    """A permission that an API key grants."""

    READ = "read"
    """Every GET of orders and events."""
    WRITE = "write"
    """Placing and cancelling orders."""
    METRICS = "metrics"
    """`/metrics`."""
    ADMIN = "admin"
    """All other scopes, and redriving orders."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of an API key: public id, name and scopes."""

    key_id: str
    name: str
    scopes: frozenset[AccessScope]

    @property
    def scope_names(self) -> list[str]:
        """Names of the scopes, in declaration order."""
        return [scope.value for scope in AccessScope if scope in self.scopes]

    def may(self, scope: AccessScope) -> bool:
        """Return whether the key grants `scope`."""
        return scope in self.scopes or AccessScope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The stored part of an API key: its hash and its identity."""

    identity: Identity
    digest: bytes
    created_at: datetime


class Keys(Protocol):
    """Protocol of a collection of API keys."""

    def identify(self, key: bytes) -> Identity | None:
        """Return the identity of a key, or None if it is invalid. Called for every request, so it must not block."""
        ...


class KeyRing:
    """The API keys of a service. They can be replaced while it runs."""

    def __init__(self, keys: Iterable[StoredKey] = ()) -> None:
        """Start with these keys."""
        self.exchange(keys)

    def exchange(self, keys: Iterable[StoredKey]) -> None:
        """Replace the keys, starting with the next request."""
        self._keys: Mapping[bytes, StoredKey] = {key.identity.key_id.encode(): key for key in keys}

    def identify(self, key: bytes) -> Identity | None:
        """Return the identity of a key, or None if it is invalid."""
        form = KEY.fullmatch(key)
        stored = self._keys.get(form[1]) if form is not None else None
        expected = stored.digest if stored is not None else NO_DIGEST
        if hmac.compare_digest(digest_of(key), expected) and stored is not None:
            return stored.identity
        return None


def new_key(name: str, scopes: Iterable[AccessScope], now: datetime) -> tuple[str, StoredKey]:
    """Create a key. Return the key itself, which is shown only once, and its stored part.

    The secret comes from the operating system's generator only: whoever could reproduce it would have every key.
    """
    key_id = secrets.token_hex(8)
    key = f"oe_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return key, StoredKey(Identity(key_id, name, frozenset(scopes)), digest_of(key.encode()), now)


def digest_of(key: bytes) -> bytes:
    """Return the stored hash of a key.

    A plain SHA-256 is sufficient: salts and slow hashes protect passwords that people choose. A key has 256 random
    bits, so there is no dictionary to try, and every request pays for the hash.
    """
    return sha256(key).digest()
