"""The HTTP adapter: the engine as a Starlette application, and the server that runs it."""

from order_engine_adapters.http.access.guard import Access
from order_engine_adapters.http.access.keys import AccessScope, Identity, KeyRing, Keys, StoredKey, new_key
from order_engine_adapters.http.access.rate_limiter import Rates
from order_engine_adapters.http.application import create_app, create_health_app, create_starting_app
from order_engine_adapters.http.limits import ConnectionLimits, HttpLimits
from order_engine_adapters.http.proxies.trusted_proxies import Proxies

__all__ = [
    "Access",
    "AccessScope",
    "ConnectionLimits",
    "HttpLimits",
    "Identity",
    "KeyRing",
    "Keys",
    "Proxies",
    "Rates",
    "StoredKey",
    "create_app",
    "create_health_app",
    "create_starting_app",
    "new_key",
]
