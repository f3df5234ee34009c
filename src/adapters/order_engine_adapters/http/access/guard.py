"""Authentication, authorization and rate limiting of requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address
from math import ceil
from types import MappingProxyType
from typing import Final

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from order_engine_adapters.http.access.keys import AccessScope, Identity, Keys
from order_engine_adapters.http.access.rate_limiter import Rates
from order_engine_adapters.http.errors import KeyMissing, KeyRefused, RequestRefused, ScopeMissing, TooManyRequests
from order_engine_adapters.http.messages.requests import client_address, header_values
from order_engine_adapters.http.messages.resource import refusal
from order_engine_adapters.http.messages.responses import send_response

READ, WRITE, METRICS, ADMIN = AccessScope.READ, AccessScope.WRITE, AccessScope.METRICS, AccessScope.ADMIN

SCOPES: Final[Mapping[str, Mapping[str, AccessScope]]] = MappingProxyType(
    {
        "/orders": {"GET": READ, "POST": WRITE},
        "/orders/batch": {"GET": READ, "POST": WRITE},
        "/orders/{order_id}": {"GET": READ},
        "/orders/{order_id}/status": {"GET": READ},
        "/orders/{order_id}/history": {"GET": READ},
        "/orders/{order_id}/events": {"GET": READ},
        "/orders/{order_id}/cancel": {"POST": WRITE},
        "/orders/{order_id}/redrive": {"POST": ADMIN},
        "/events": {"GET": READ},
        "/metrics": {"GET": METRICS},
    }
)
"""Required scope by route and method; HEAD requires the scope of GET. Unsupported methods require no key, so that the
response can be 405."""
OPEN: Final = frozenset({"/", "/livez", "/readyz", "/docs", "/docs/{asset}", "/openapi.json"})
"""Routes that require no API key."""
ADMITTED: Final = "order_engine.allowed"
"""Scope entry with the function that returns whether the key of a request is still valid."""
NOT_RATE_LIMITED: Final = frozenset({"/livez", "/readyz"})
"""Routes without a rate limit, so that monitoring always gets a response."""

BEARER: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
"""RFC 6750, section 2.1. Scheme names are case-insensitive (RFC 9110, section 11.1)."""
OTHER_SCHEME: Final = re.compile(rb"(?!bearer\b)[!#$%&'*+.^_`|~0-9a-z-]+(?: .*)?", re.IGNORECASE | re.DOTALL)
NETWORK_BITS: Final = 64
"""Prefix length of the IPv6 network that counts as one client, since a client may use every address in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Access rules of an application. Without any, every request is allowed."""

    keys: Keys | None = None
    """API keys. With them, every route requires one except those in `OPEN`."""
    rates: Rates | None = None
    """Rate limit per API key, or per address for requests without one."""
    origins: frozenset[str] = frozenset()
    """Origins whose pages may send requests and read responses (CORS), such as `https://shop.example`."""
    admits_other_sites: bool = False
    """Whether pages of other origins may send requests with side effects. For hosts that check this themselves."""

    @property
    def is_guarded(self) -> bool:
        """Whether requests have to be checked before they are handled."""
        return self.keys is not None or self.rates is not None


class AccessGuard:
    """ASGI middleware that passes allowed requests to the application and refuses others."""

    def __init__(self, app: ASGIApp, access: Access, needs: Mapping[str, AccessScope | None]) -> None:
        """Require the scope in `needs` for the method of a request."""
        self._app = app
        self._access = access
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            try:
                self._admit(scope)
            except RequestRefused as error:
                await send_response(send, refusal(error, scope), with_body=scope["method"] != "HEAD")
                return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        keys, rates = self._access.keys, self._access.rates
        shown = header_values(scope, b"authorization") if keys is not None else []
        identity = _identity(keys, shown) if keys is not None else None
        if rates is not None:
            wait = rates.wait_of(_address(scope) if identity is None else f"key {identity.key_id}")
            if wait > 0:
                raise TooManyRequests(ceil(wait))
        needed = self._needs.get(scope["method"])
        if keys is None or needed is None:
            return
        if identity is None:
            raise _refused(shown)
        if not identity.may(needed):
            raise ScopeMissing(needed)
        scope[ADMITTED] = partial(_is_good, keys, shown, needed)


def is_still_admitted(scope: Scope) -> Callable[[], bool]:
    """Return a function that returns whether a long-running request is still allowed; its key may be revoked."""
    admitted: Callable[[], bool] = scope.get(ADMITTED, _everybody)
    return admitted


def _is_good(keys: Keys, shown: Sequence[bytes], needed: AccessScope) -> bool:
    identity = _identity(keys, shown)
    return identity is not None and identity.may(needed)


def _everybody() -> bool:
    return True


def guarded(routes: Iterable[BaseRoute], access: Access) -> list[BaseRoute]:
    """Wrap the routes in guards. A route in neither table requires `admin`."""
    return [_guarded(route, access) for route in routes]


def _guarded(route: BaseRoute, access: Access) -> BaseRoute:
    if not isinstance(route, Route) or route.path in NOT_RATE_LIMITED:
        return route
    needs = _needs(route.path)
    guard = AccessGuard(route.app, access, needs)
    return Route(route.path, guard, name=route.name, include_in_schema=route.include_in_schema)


def _needs(path: str) -> Mapping[str, AccessScope | None]:
    if path in OPEN:
        return {}
    needs = SCOPES.get(path) or dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), ADMIN)
    return {**needs, "HEAD": needs["GET"]} if "GET" in needs else needs


def _identity(keys: Keys, shown: Sequence[bytes]) -> Identity | None:
    key = BEARER.fullmatch(shown[0].strip(b" \t")) if len(shown) == 1 else None
    return keys.identify(key[1]) if key is not None else None


def _refused(shown: Sequence[bytes]) -> RequestRefused:
    """Return the error for a request without a valid key. Without a bearer token it has no error code (RFC 6750)."""
    if not shown or (len(shown) == 1 and OTHER_SCHEME.fullmatch(shown[0].strip(b" \t"))):
        return KeyMissing()
    return KeyRefused()


def _address(scope: Scope) -> str:
    client = client_address(scope)
    return "nowhere" if client is None else _network(client)


@lru_cache(maxsize=1024)
def _network(host: str) -> str:
    """Return the network of an IPv6 address, or the address itself for IPv4."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> NETWORK_BITS << NETWORK_BITS))
    return host
