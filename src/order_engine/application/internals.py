"""What the HTTP interface and the service of this project use of an engine, beside what every program calls."""

from __future__ import annotations

from dataclasses import dataclass

from order_engine.application.queries import Queries
from order_engine.application.runtime import Runtime


@dataclass(frozen=True, slots=True)
class EngineInternals:
    """The parts of an engine that `internals_of` gives to our own packages. Nothing of it is promised to anybody."""

    queries: Queries
    """Also the states of many orders at once, and events up to an end that several readers share."""
    runtime: Runtime
    """Also whether the engine is drained, and how a service announces that it will drain soon."""
