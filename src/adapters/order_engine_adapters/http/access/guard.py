"""Who gets in: the scope that each route asks for, the key that opens it, and how often."""

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
"""What each route asks for, by method; HEAD asks for what GET does. A method that a route does not know needs no key to
be told so."""
OPEN: Final = frozenset({"/", "/livez", "/readyz", "/docs", "/docs/{asset}", "/openapi.json"})
"""The routes that are open to all."""
ADMITTED: Final = "order_engine.admitted"
"""Where in the scope of a request it is told whether its key is good still."""
NOT_RATE_LIMITED: Final = frozenset({"/livez", "/readyz"})
"""The routes that no rate limits: who watches the service has to get an answer."""

BEARER: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
"""As in RFC 6750, section 2.1; a scheme's name is in any case (RFC 9110, section 11.1)."""
OTHER_SCHEME: Final = re.compile(rb"(?!bearer\b)[!#$%&'*+.^_`|~0-9a-z-]+(?: .*)?", re.IGNORECASE | re.DOTALL)
NETWORK_BITS: Final = 64
"""One client may have every address of an IPv6 network of this prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may use an application. Everything is open to everybody where nothing is given."""

    keys: Keys | None = None
    """The keys; with them every route but those that are open to all wants one."""
    rates: Rates | None = None
    """How many requests a second one key may send, or one address that shows none."""
    origins: frozenset[str] = frozenset()
    """The origins whose pages may send anything and read answers in a browser (CORS), such as `https://shop.example`."""
    admits_other_sites: bool = False
    """Whether pages of other origins may make a browser send what changes something: for a host that looks at that
    itself."""

    @property
    def is_guarded(self) -> bool:
        """Whether there is anything to look at before a request is answered."""
        return self.keys is not None or self.rates is not None


class AccessGuard:
    """Lets a request through to the application behind it, or refuses it."""

    def __init__(self, app: ASGIApp, access: Access, needs: Mapping[str, AccessScope | None]) -> None:
        """Ask for the scope that `needs` names for the method of a request."""
        self._app = app
        self._access = access
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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
    """Return what tells whether a request that takes long would be let in now: its key may be revoked meanwhile."""
    admitted: Callable[[], bool] = scope.get(ADMITTED, _everybody)
    return admitted


def _is_good(keys: Keys, shown: Sequence[bytes], needed: AccessScope) -> bool:
    identity = _identity(keys, shown)
    return identity is not None and identity.may(needed)


def _everybody() -> bool:
    return True


def guarded(routes: Iterable[BaseRoute], access: Access) -> list[BaseRoute]:
    """Return the routes behind guards. A route that nobody has put into a table is for `admin` alone."""
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
    """Return how a request without a valid key is refused: one that shows none for us is not told of an error."""
    if not shown or (len(shown) == 1 and OTHER_SCHEME.fullmatch(shown[0].strip(b" \t"))):
        return KeyMissing()
    return KeyRefused()


def _address(scope: Scope) -> str:
    client = client_address(scope)
    return "nowhere" if client is None else _network(client)


@lru_cache(maxsize=1024)
def _network(host: str) -> str:
    """Return whom an address belongs to: of IPv6 a whole network, of everything else the address itself."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> NETWORK_BITS << NETWORK_BITS))
    return host
