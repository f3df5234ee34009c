"""The schemas of what goes in and comes out, by the limits that a running service keeps.

What a client sends is described as narrowly as every validator can follow, and never more narrowly than the service
reads it: what an expression cannot say in every dialect is said in words. What a client receives is described openly:
answers may get members, and open sets of values may grow, without breaking who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from order_engine.domain.content.limits import ContentLimits
from order_engine_adapters.http.openapi.schemas.answers import answers
from order_engine_adapters.http.openapi.schemas.orders import orders
from order_engine_adapters.http.openapi.schemas.placements import placements
from order_engine_adapters.http.openapi.schemas.problem import problem
from order_engine_adapters.http.openapi.schemas.shapes import Schema, reference

__all__ = ["Schema", "reference", "schemas"]


def schemas(limits: ContentLimits) -> Mapping[str, Schema]:
    """Return every schema by its name."""
    return {**placements(limits), **orders(), **answers(), **problem()}
