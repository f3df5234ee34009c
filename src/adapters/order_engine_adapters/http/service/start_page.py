"""The start page: metrics and links in plain HTML without scripts."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final
from urllib.parse import quote

from starlette.types import Receive, Scope

from order_engine.application.engine import OrderEngine
from order_engine.domain.metrics import Statistics
from order_engine_adapters.http.errors import NotAcceptable
from order_engine_adapters.http.messages.accept import Form, preferred_form
from order_engine_adapters.http.messages.resource import within
from order_engine_adapters.http.messages.responses import NEVER_STORED, Response
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

HTML: Final = Form(b"text/html")
STYLE: Final = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2430; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #d5dae1 }
th { text-align: left; font-weight: normal } td { text-align: right; font-variant-numeric: tabular-nums }
a { color: #0b57a4 } dt { margin-top: .5rem } dd { margin: 0; color: #505a68 }
@media (prefers-color-scheme: dark) {
  body { color: #e4e8ee; background: #14181f } a { color: #7db8f0 } dd { color: #a5afbd }
  th, td { border-color: #333b47 }
}
"""
STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    *NEVER_STORED,
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
)
LINKS: Final = (
    ("/docs", "API documentation"),
    ("/openapi.json", "OpenAPI document"),
    ("/orders", "orders, newest first"),
    ("/events", "live events of all orders"),
    ("/metrics", "metrics as JSON, OpenMetrics or Prometheus text"),
    ("/readyz", "readiness: whether orders can be placed"),
    ("/livez", "liveness: whether the process is running"),
)
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>order_engine</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>order_engine</h1>
<p>{standing}</p>
{figures}
<h2>Links</h2>
<dl>
{links}
</dl>
</main>
</body>
</html>
"""


class StartPage:
    """`GET /`. Metrics are omitted if they require an API key."""

    def __init__(self, engine: OrderEngine, time_limits: RequestTimeLimits, *, with_figures: bool) -> None:
        """Show the state of `engine`."""
        self._engine = engine
        self._time_limits = time_limits
        self._with_figures = with_figures

    async def __call__(self, scope: Scope, _: Receive) -> Response:
        """Return the page."""
        if preferred_form(scope, (HTML,)) is None:
            message = "The Accept field excludes text/html, the media type of the response."
            raise NotAcceptable(message)
        return Response(200, HEADERS, self._page(scope, await self._figures()).encode())

    async def _figures(self) -> str:
        if not self._with_figures:
            return "<p>Metrics and orders require an API key.</p>"
        options = self._engine.options
        return _table(await within(options.request_seconds, self._engine.metrics(), self._time_limits))

    def _page(self, scope: Scope, figures: str) -> str:
        root = quote(scope.get("root_path", ""))
        links = "\n".join(
            f'<dt><a href="{escape(root + path)}">{path}</a></dt><dd>{escape(what)}</dd>' for path, what in LINKS
        )
        standing = "Ready to accept orders." if self._engine.ready else "Not ready to accept orders."
        return PAGE.format(style=STYLE, standing=standing, figures=figures, links=links)


def _table(statistics: Statistics) -> str:
    figures = [
        ("Total orders", f"{statistics.total_orders:,}"),
        *((str(status), f"{count:,}") for status, count in statistics.status_counts.items()),
        ("Mean processing time", f"{statistics.average_processing_time:,.3f} s"),
    ]
    rows = "\n".join(f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in figures)
    return f"<h2>Metrics</h2>\n<table>\n{rows}\n</table>"
