"""What can be imported from the doors, the modules whose `__all__` is the public interface."""

from __future__ import annotations

from importlib import import_module


def exports(door: str) -> dict[str, object]:
    """Return what a door exports, by name."""
    module = import_module(door)
    return {name: getattr(module, name) for name in module.__all__}
