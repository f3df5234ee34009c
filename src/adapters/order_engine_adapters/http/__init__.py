"""The HTTP adapter: the engine as a Starlette application, and the server that runs it."""

from order_engine_adapters.http.application import create_app, create_health_app
from order_engine_adapters.http.limits import HttpLimits

__all__ = ["HttpLimits", "create_app", "create_health_app"]
