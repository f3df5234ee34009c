"""Internal interface of the engine, used by the HTTP interface and the service of this project."""

from __future__ import annotations

from dataclasses import dataclass

from order_engine.application.queries import Queries
from order_engine.application.runtime import Runtime


@dataclass(frozen=True, slots=True)
class EngineInternals:
    """Parts of an engine that `internals_of` exposes to the packages of this project. Not a public interface."""

    queries: Queries
    """Adds the states of many orders at once, and events up to an end that several readers share."""
    runtime: Runtime
    """Adds whether the engine is drained, and the announcement of a drain."""
