"""The doors: the modules whose `__all__` is the public interface."""

from __future__ import annotations

from importlib import import_module
from typing import Final

DOORS: Final = (
    "order_engine",
    "order_engine.ports",
    "order_engine.contracts",
    "order_engine.simulation",
    "order_engine.wire",
    "order_engine_adapters",
)


def exports(door: str) -> dict[str, object]:
    """Return what a door exports, by name."""
    module = import_module(door)
    return {name: getattr(module, name) for name in module.__all__}
