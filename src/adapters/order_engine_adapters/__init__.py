"""The adapters of order_engine, and how to open an engine by URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from order_engine_adapters.wiring import Container, Opened, Settings, open_engine, open_with, simulate

__all__ = ["Container", "Opened", "Settings", "open_engine", "open_with", "simulate"]


def __getattr__(name: str) -> object:
    """Import the wiring when it is first asked for: who uses one adapter by itself need not load all of them."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from order_engine_adapters import wiring  # noqa: PLC0415 - late on purpose, see above

    value: object = getattr(wiring, name)
    return value
