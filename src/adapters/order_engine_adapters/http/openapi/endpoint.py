"""`GET /openapi.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.types import Receive, Scope

from order_engine_adapters.http.messages.accept import check_json_accepted
from order_engine_adapters.http.messages.media_type import JSON_TYPE
from order_engine_adapters.http.messages.responses import Response
from order_engine_adapters.http.messages.versioned_pages import cached_answer
from order_engine_adapters.http.openapi.document import DocumentOptions, document


class OpenApiEndpoint:
    """Serves the document, which is generated at the first request."""

    def __init__(self, described: DocumentOptions) -> None:
        """Describe an application."""
        self._described = described
        self._made: Mapping[str, Any] | None = None

    def document(self, root_path: str = "") -> Mapping[str, Any]:
        """Return the document of an application mounted under `root_path`."""
        if self._made is None:
            self._made = document(self._described)
        return {**self._made, "servers": [{"url": quote(root_path) or "/"}]}

    async def __call__(self, scope: Scope, _: Receive) -> Response:
        """Return the document."""
        check_json_accepted(scope)
        text = json.dumps(self.document(scope.get("root_path", "")), separators=(",", ":"))
        return cached_answer(scope, JSON_TYPE, text.encode())
