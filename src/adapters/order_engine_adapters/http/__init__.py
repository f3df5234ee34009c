"""The HTTP adapter: the engine as a Starlette application, and the server that runs it."""

from order_engine_adapters.http.access import Access
from order_engine_adapters.http.application import create_app, create_health_app, create_starting_app
from order_engine_adapters.http.identities import AccessScope, Identity, KeyRing, Keys
from order_engine_adapters.http.limits import ConnectionLimits, HttpLimits
from order_engine_adapters.http.proxies import Proxies
from order_engine_adapters.http.rates import Rates

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
    "create_app",
    "create_health_app",
    "create_starting_app",
]
