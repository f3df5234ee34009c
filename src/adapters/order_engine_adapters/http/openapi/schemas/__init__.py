"""Schemas of requests and responses, with the limits of the running service.

Request schemas are as strict as every validator allows, and never stricter than the service. Rules that no portable
expression covers are in descriptions. Response schemas are open: members and values may be added later without breaking
clients.
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
    """Return every schema by name."""
    return {**placements(limits), **orders(), **answers(), **problem()}
