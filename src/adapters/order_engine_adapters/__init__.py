"""The adapters of order_engine: opening an engine by URL, serving it over HTTP, and the parts to build one by hand.

Each name is imported when it is first asked for, so a program loads only the adapters that it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from order_engine_adapters.clocks import ManualClock, SteadyClock, SystemClock
    from order_engine_adapters.http import (
        Access,
        AccessScope,
        HttpLimits,
        Identity,
        KeyRing,
        Keys,
        Proxies,
        Rates,
        StoredKey,
        create_app,
        create_health_app,
        new_key,
    )
    from order_engine_adapters.memory import MemoryQueue, MemoryRepository
    from order_engine_adapters.wiring import (
        Container,
        EngineSettings,
        Opened,
        Schema,
        Settings,
        Simulate,
        open_engine,
        open_with,
        simulate,
    )

__all__ = [
    "Access",
    "AccessScope",
    "Container",
    "EngineSettings",
    "HttpLimits",
    "Identity",
    "KeyRing",
    "Keys",
    "ManualClock",
    "MemoryQueue",
    "MemoryRepository",
    "Opened",
    "Proxies",
    "Rates",
    "Schema",
    "Settings",
    "Simulate",
    "SteadyClock",
    "StoredKey",
    "SystemClock",
    "create_app",
    "create_health_app",
    "new_key",
    "open_engine",
    "open_with",
    "simulate",
]

_PACKAGES: Final = {
    "clocks": ("ManualClock", "SteadyClock", "SystemClock"),
    "memory": ("MemoryQueue", "MemoryRepository"),
    "http": (
        "Access",
        "AccessScope",
        "HttpLimits",
        "Identity",
        "KeyRing",
        "Keys",
        "Proxies",
        "Rates",
        "StoredKey",
        "create_app",
        "create_health_app",
        "new_key",
    ),
}
"""Where each name comes from. What is not named here comes from `wiring`, which loads everything that it wires."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    package = next((package for package, names in _PACKAGES.items() if name in names), "wiring")
    value: object = getattr(import_module(f"{__name__}.{package}"), name)
    return value
