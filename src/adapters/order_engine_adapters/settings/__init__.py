"""The settings of a process: each is declared once, as a field of `Settings`.

To add one, add a field to `Settings`, or to `EngineOptions` of the core where the engine itself keeps it:

    coffee_breaks: int = count(3, "Coffee breaks per hour.", maximum=60)

Its environment variable, its flag, its line in `config show` and in the reference page, and its checks follow from
that. `settings_of(Settings)` returns all declarations by name. What is here stands on the standard library, since the
help of the command line, which has to be quick, is made of it.
"""

from order_engine_adapters.settings.settings import Settings

__all__ = ["Settings"]
