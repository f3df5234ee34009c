"""`/docs`: the interactive API documentation, served from packaged files.

The page requests nothing from other hosts, and its content security policy enforces that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from starlette.types import Receive, Scope

from order_engine.wire.problems import TYPE_PREFIX
from order_engine_adapters.http.errors import RouteNotFound
from order_engine_adapters.http.messages.responses import Response
from order_engine_adapters.http.messages.versioned_pages import cached_answer
from order_engine_adapters.http.openapi.known_problems import KnownProblem, known_problems

HTML: Final = b"text/html; charset=utf-8"
CSS: Final = b"text/css; charset=utf-8"
JAVASCRIPT: Final = b"text/javascript; charset=utf-8"
SOURCES: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline scripts or styles, nothing from other hosts, no embedding in frames."""
HEADERS: Final = ((b"content-security-policy", SOURCES), (b"referrer-policy", b"no-referrer"))
PAGE: Final = ("docs.html", HTML)
PROBLEMS: Final = "problems"
CODE: Final = re.compile("`([^`]+)`")
ASSETS: Final[Mapping[str, tuple[str, bytes]]] = MappingProxyType(
    {
        "docs.css": ("docs.css", CSS),
        "docs.js": ("docs.js", JAVASCRIPT),
        "swagger-ui.css": ("swagger_ui/swagger-ui.css", CSS),
        "swagger-ui-bundle.js": ("swagger_ui/swagger-ui-bundle.js", JAVASCRIPT),
        "LICENSE": ("swagger_ui/LICENSE.txt", b"text/plain; charset=utf-8"),
        "NOTICE": ("swagger_ui/NOTICE", b"text/plain; charset=utf-8"),
    }
)
"""Files below /docs by name, with their media types."""


async def docs_page(scope: Scope, _: Receive) -> Response:
    """Return the page."""
    name, media_type = PAGE
    return cached_answer(scope, media_type, _file(name), *HEADERS)


async def docs_asset(scope: Scope, _: Receive) -> Response:
    """Return a file of the page or the list of problems. Raises RouteNotFound."""
    name = scope["path_params"]["asset"]
    if name == PROBLEMS:
        return cached_answer(scope, HTML, problems_page().encode(), *HEADERS)
    if name not in ASSETS:
        message = "The documentation has no such file."
        raise RouteNotFound(message)
    file, media_type = ASSETS[name]
    return cached_answer(scope, media_type, _file(file), *HEADERS)


def problems_page() -> str:
    """Return the page that lists every problem and its meaning."""
    entries = "\n".join(map(_entry, known_problems()))
    return _file("problems.html").decode().replace("<!-- problems -->", entries)


def _entry(problem: KnownProblem) -> str:
    meaning = CODE.sub(r"<code>\1</code>", escape(problem.meaning))
    return (
        f'<dt id="{escape(problem.code)}"><code>{escape(TYPE_PREFIX + problem.code)}</code></dt>\n'
        f"<dd>{problem.status}: {escape(problem.title)}. {meaning}</dd>"
    )


@cache
def _file(name: str) -> bytes:
    return files("order_engine_adapters.http").joinpath("assets", *name.split("/")).read_bytes()
