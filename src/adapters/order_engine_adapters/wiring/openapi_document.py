"""The OpenAPI document for given settings, without a running service."""

from __future__ import annotations

import json

from order_engine_adapters.http.openapi import DocumentOptions, OpenApiEndpoint
from order_engine_adapters.settings import Settings


def openapi_text(settings: Settings) -> str:
    """Return the document that a service with these settings serves, as indented JSON."""
    described = DocumentOptions(
        content=settings.content,
        page_limit=settings.page_limit,
        keys=settings.api_keys_file is not None,
    )
    return json.dumps(OpenApiEndpoint(described).document(settings.root_path or ""), indent=2)
