"""Forwarded headers of trusted proxies. Headers from other clients are ignored."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from order_engine_adapters.http.proxies.forwarded import Address, Network, address_of, elements, items, plain_address
from order_engine_adapters.http.proxies.root_path import mount_under
from order_engine_adapters.settings.root_path import LONGEST, InvalidRootPath, read_root_path

Fields: TypeAlias = dict[bytes, list[bytes]]

WRITTEN_BY_PROXIES: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"}
)
SCHEMES: Final = frozenset({"http", "https"})
HOST: Final = re.compile(r"[A-Za-z0-9._~:\[\]-]{1,255}")
UNKNOWN_PORT: Final = 0


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """The request as the first proxy received it; None for unknown values."""

    address: Address
    scheme: str | None
    host: str | None


class Proxies:
    """ASGI middleware that restores the client, scheme, host and path from forwarded headers.

    The client is the right-most address that is not a trusted proxy. If `Forwarded` and `X-Forwarded-For` disagree, one
    of them was sent by the client and cannot be identified; the proxy itself then counts as the client.
    """

    def __init__(self, app: ASGIApp, *, root_path: str = "", trusted: Iterable[Network] = ()) -> None:
        """Serve `app` under `root_path`, unless a `trusted` proxy sends another in `X-Forwarded-Prefix`."""
        self._app = app
        self._root_path = root_path
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=1024)(self._in_networks)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        return self._app(self._as_sent(scope) if scope["type"] == "http" else scope, receive, send)

    def _as_sent(self, scope: Scope) -> Scope:
        sent = dict(scope)
        root_path = self._root_path
        peer = plain_address(scope["client"][0]) if self._trusted and scope.get("client") else None
        if peer is not None and self._is_trusted(peer):
            fields = _fields(scope)
            forwarded = self._forwarded(fields, peer)
            if forwarded.address != peer:
                sent["client"] = (str(forwarded.address), UNKNOWN_PORT)
            if forwarded.scheme is not None:
                sent["scheme"] = forwarded.scheme
            if forwarded.host is not None:
                others = [header for header in scope["headers"] if header[0] != b"host"]
                sent["headers"] = [(b"host", forwarded.host.encode()), *others]
            root_path = _prefix(next(items(fields[b"x-forwarded-prefix"]), "")) or root_path
        mount_under(sent, root_path)
        return sent

    def _forwarded(self, fields: Fields, peer: Address) -> OriginalRequest:
        hops, legacy = fields[b"forwarded"], fields[b"x-forwarded-for"]
        legacy_address, legacy_depth = self._client(peer, items(legacy))
        if not hops:
            scheme = _at(fields[b"x-forwarded-proto"], legacy_depth)
            host = _at(fields[b"x-forwarded-host"], legacy_depth)
            return OriginalRequest(legacy_address, _scheme(scheme), _host(host))
        address, depth = self._client(peer, (hop.get("for", "") for hop in elements(hops)))
        if legacy and address != legacy_address:
            return OriginalRequest(peer, None, None)
        values: dict[str, str] = {}
        for hop in islice(elements(hops), depth):
            values |= hop
        return OriginalRequest(address, _scheme(values.get("proto")), _host(values.get("host")))

    def _client(self, peer: Address, nodes: Iterable[str]) -> tuple[Address, int]:
        """Return the farthest address named by a trusted node, and the number of nodes used.

        `nodes` are nearest first. An invalid address ends the search, since only its proxy knows the client behind it.
        """
        farthest, depth = peer, 0
        for node in nodes:
            if not self._is_trusted(farthest):
                break
            depth += 1
            address = address_of(node)
            if address is None:
                break
            farthest = address
        return farthest, depth

    def _in_networks(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _fields(scope: Scope) -> Fields:
    """Return the forwarded headers by name."""
    fields: Fields = {name: [] for name in WRITTEN_BY_PROXIES}
    for name, value in scope["headers"]:
        if name in WRITTEN_BY_PROXIES:
            fields[name].append(value)
    return fields


@lru_cache(maxsize=64)
def _path(text: str) -> str:
    try:
        return read_root_path(text)
    except (InvalidRootPath, UnicodeDecodeError):
        return ""


def _prefix(text: str) -> str:
    """Return the root path that a proxy sends, or an empty text if it is invalid."""
    return _path(text) if text and len(text) <= LONGEST else ""


def _at(lines: Sequence[bytes], depth: int) -> str | None:
    """Return the value that the proxy of the client sent: proxies that extend this field add one item each."""
    values = list(islice(items(lines), max(depth, 1)))
    return values[-1] if values else None


def _scheme(text: str | None) -> str | None:
    return text.lower() if text is not None and text.lower() in SCHEMES else None


def _host(text: str | None) -> str | None:
    return text if text is not None and HOST.fullmatch(text) else None
