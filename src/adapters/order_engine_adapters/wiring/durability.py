"""The setting `require_durable`: what it means to the repository of a URL."""

from __future__ import annotations

import logging
from typing import Final

from order_engine import InvalidSetting
from order_engine_adapters.postgres.connection.target import SCHEMES
from order_engine_adapters.wiring.files import ONE_FILE, ends_with_its_process
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.plugins import scheme_of

REQUIRED: Final = "require_durable=true"

_logger = logging.getLogger("order_engine")


def durable_url(url: str) -> str:
    """Return the URL that opens a repository only if it keeps what it acknowledged, also over a crash (P1).

    PostgreSQL is asked when it is opened, and SQLite always waits for the disk. Of a repository of somebody else
    nothing is known: a warning says so. Raises InvalidSetting for a repository that lives in its process.
    """
    if ends_with_its_process(url):
        message = (
            f"require_durable is set, and {masked_url(url)} keeps orders in this process only: "
            "name an SQLite file or a PostgreSQL database with --database-url."
        )
        raise InvalidSetting(message)
    if scheme_of(url) in SCHEMES:
        # The last one counts, so that nothing in the URL takes back what the setting demands.
        return f"{url}{'&' if '?' in url else '?'}{REQUIRED}"
    if scheme_of(url) != ONE_FILE:
        _logger.warning("require_durable is set, and nobody here knows whether %s is durable.", masked_url(url))
    return url
