"""order_engine keeps each order exactly once and drives every one of them to an end, whatever crashes on the way.

The public names are listed in `order_engine.exports`. They are imported when the first one is used, so that a program
which needs one module, such as the help of the command line, does not load the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from order_engine.exports import *  # noqa: F403 - the list of public names is kept there

    __version__: str


def __getattr__(name: str) -> object:
    """Import the public names when the first one is used, and read the version that is installed."""
    if name == "__version__":
        return import_module("importlib.metadata").version("order-engine")
    if name == "__all__" or not name.startswith("_"):
        exports = import_module("order_engine.exports")
        if name == "__all__" or name in exports.__all__:
            value: object = getattr(exports, name)
            return value
        if name in globals():
            # A package, such as `order_engine.ports`: importing the public names has imported it too.
            return globals()[name]
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """List the public names with those of the module."""
    return sorted({*globals(), *import_module("order_engine.exports").__all__})
