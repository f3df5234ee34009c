"""The OpenAPI 3.1 document, generated from the limits and tables that the service uses.

`operations` describes each route; `schemas` describes requests and responses; `document` assembles them.
"""

from order_engine_adapters.http.openapi.document import DocumentOptions, document
from order_engine_adapters.http.openapi.endpoint import OpenApiEndpoint
from order_engine_adapters.http.openapi.operations import OPERATIONS

__all__ = ["OPERATIONS", "DocumentOptions", "OpenApiEndpoint", "document"]
