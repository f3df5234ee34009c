"""Whether several processes may open one repository."""

from __future__ import annotations

from typing import Final

from order_engine import InvalidSetting
from order_engine.ports.adapters import SEVERAL_PROCESSES
from order_engine_adapters.postgres.connection.target import SCHEMES
from order_engine_adapters.wiring.files import ONE_FILE, ends_with_its_process
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.plugins import repository_opener, scheme_of
from order_engine_adapters.wiring.settings import Settings

ADVICE: Final = "Name a PostgreSQL database with --database-url, or leave --workers out."


def check_shared(settings: Settings) -> None:
    """Raise InvalidSetting unless several processes may open the repository.

    PostgreSQL is for several; one of a third party where its opener says so.
    """
    url = settings.database_url
    if scheme_of(url) in SCHEMES or getattr(repository_opener(url), SEVERAL_PROCESSES, False) is True:
        return
    shown = masked_url(url)
    if ends_with_its_process(url):
        reason = f"{shown} keeps orders in one process, so that each would have orders of its own."
    elif scheme_of(url) == ONE_FILE:
        reason = f"{shown} is held by one process."
    else:
        reason = f"nothing says that several processes may share {shown}."
    message = f"workers is {settings.workers}, and {reason} {ADVICE}"
    raise InvalidSetting(message)
