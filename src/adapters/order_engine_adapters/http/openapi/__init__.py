"""The OpenAPI 3.1 document: made of the same limits and tables that read, decide and refuse.

`operations` says what each route does, in words and examples; `schemas` says what goes in and out; `document` puts
together what an application has.
"""

from order_engine_adapters.http.openapi.document import DocumentOptions, document
from order_engine_adapters.http.openapi.endpoint import OpenApiEndpoint
from order_engine_adapters.http.openapi.operations import OPERATIONS

__all__ = ["OPERATIONS", "DocumentOptions", "OpenApiEndpoint", "document"]
