"""The figures that the pages state are those of the code: a default that changes is found wherever it is stated."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from order_engine.application.engine import DEFAULT_PAGE
from order_engine.domain.content.validation import LONGEST_KEY
from order_engine_adapters import Settings
from order_engine_adapters.cli.failures import ENVIRONMENT_ERROR, REFUSED_LINES, USAGE_ERROR
from order_engine_adapters.demonstration.processor import DEFAULT_SECONDS
from order_engine_adapters.http.access.guard import NETWORK_BITS
from order_engine_adapters.http.events.sse import RETRY_MILLISECONDS
from order_engine_adapters.postgres.connection.request_budget import RequestBudget
from order_engine_adapters.service.keys import LOOK_SECONDS
from tests.unit.docs.pages import PAGES, ROOT, name_of, text_of

SETTINGS: Final = Settings.given()
KIB: Final = 1024
MIB: Final = 1024 * KIB
WORDS: Final = {1: "once", 2: "two"}
README: Final = "README.md"
HTTP: Final = "docs/reference/http.md"
COMMANDS: Final = "docs/reference/command-line.md"
EVENTS: Final = "docs/how-to/follow-events.md"
KEYS: Final = "docs/how-to/control-access.md"
SERVICE: Final = "docs/how-to/run-the-service.md"
PROXIES: Final = "docs/how-to/put-a-proxy-in-front.md"
LIMITS: Final = "docs/how-to/tune-limits.md"
POSTGRES: Final = "docs/how-to/connect-to-postgresql.md"
CALL: Final = RequestBudget(SETTINGS.request_seconds)

CLAIMS: Final[list[tuple[str, str, object]]] = [
    (README, "HTTP on port {}", str(SETTINGS.port)),
    (README, "up to {} attempts (`max_attempts`)", SETTINGS.max_attempts),
    (README, "The demonstration takes {} seconds an order", WORDS[int(DEFAULT_SECONDS)]),
    (HTTP, "`limit` 1 to {}", SETTINGS.page_limit),
    (HTTP, "({}); a page of large orders holds fewer", DEFAULT_PAGE),
    (HTTP, "({} MiB of content, `page_bytes`)", SETTINGS.page_bytes // MIB),
    (HTTP, "1 to {} characters: letters, marks", SETTINGS.max_identifier_characters),
    (HTTP, "none to {}; repeats are allowed", SETTINGS.max_items),
    (HTTP, "0 to 10^{}", SETTINGS.max_total_amount.adjusted()),
    (HTTP, "up to {} decimals", SETTINGS.max_amount_decimals),
    (HTTP, "a JSON object of up to {} KiB", SETTINGS.max_attributes_bytes // KIB),
    (HTTP, "an `Idempotency-Key`: 1 to {} visible ASCII characters", LONGEST_KEY),
    (HTTP, "A body has at most {} MiB", SETTINGS.max_body_bytes // MIB),
    (HTTP, "that of a batch {} MiB", SETTINGS.max_batch_bytes // MIB),
    (HTTP, "a body that stalls for {} seconds gets 408", SETTINGS.body_seconds),
    (HTTP, "The engine has {} seconds for a request", SETTINGS.request_seconds),
    (HTTP, "A request line has at most {} KiB", SETTINGS.max_request_line_bytes // KIB),
    (HTTP, "a header {} KiB", SETTINGS.max_header_bytes // KIB),
    (HTTP, "and {} fields (431)", SETTINGS.max_headers),
    (HTTP, "is complete within {} seconds of its first byte", SETTINGS.head_seconds),
    (HTTP, "A connection waits {} seconds for its next request", SETTINGS.keep_alive_seconds),
    (HTTP, "{} may be open", SETTINGS.max_connections),
    (COMMANDS, "| {} | the command could not be carried out", ENVIRONMENT_ERROR),
    (COMMANDS, "| {} | wrong usage, or a wrong setting |", USAGE_ERROR),
    (COMMANDS, "| {} | an import that refused some of its lines |", REFUSED_LINES),
    (EVENTS, "retry: {}", str(RETRY_MILLISECONDS)),
    (EVENTS, "A comment comes every {} seconds", SETTINGS.heartbeat_seconds),
    (EVENTS, "`--max-streams` streams ({})", SETTINGS.max_streams),
    (KEYS, "A running service looks at the file {} a second", WORDS[int(LOOK_SECONDS)]),
    (KEYS, "ends within a heartbeat ({} seconds)", SETTINGS.heartbeat_seconds),
    (KEYS, "a network of {} bits is one address", NETWORK_BITS),
    (SERVICE, "answers at `http://{}:", SETTINGS.host),
    (SERVICE, "keeps orders in `{}` in the working directory", SETTINGS.database_url.removeprefix("sqlite:///")),
    (SERVICE, "a demonstration that waits {} seconds per order", WORDS[int(DEFAULT_SECONDS)]),
    (SERVICE, "with their reason, and the exit code is then {}", REFUSED_LINES),
    (SERVICE, "Exit code {} means a wrong setting", USAGE_ERROR),
    (LIMITS, "a processor that may take longer than {} minutes", SETTINGS.attempt_seconds / 60),
    (LIMITS, "`threads` is {}", SETTINGS.threads),
    (PROXIES, "A batch has up to {} MiB", SETTINGS.max_batch_bytes // MIB),
    (PROXIES, "client_max_body_size {}m", SETTINGS.max_batch_bytes // MIB),
    (PROXIES, "the heartbeat of event streams, which is {} s", SETTINGS.heartbeat_seconds),
    (PROXIES, "keeps an idle connection for {} seconds", SETTINGS.keep_alive_seconds),
    (PROXIES, "An order id may be {} characters", SETTINGS.max_identifier_characters),
    (PROXIES, "take request lines of {} KiB", SETTINGS.max_request_line_bytes // KIB),
    (POSTGRES, "| for a connection, while all are in use | 0.5 | {} s | 1.5 s | 30 s |", CALL.taking),
    (POSTGRES, "| for one statement | 0.65 | {} s | 1.95 s | 39 s |", CALL.statement),
    (POSTGRES, "| for everything on its connection | 0.7 | {} s | 2.1 s | 42 s |", CALL.working),
    (POSTGRES, "| in all | 0.95 | {} s | 2.85 s | 57 s |", CALL.call),
    ("docs/how-to/take-orders-from-a-shop.md", "Amounts have up to {} decimals", SETTINGS.max_amount_decimals),
]
"""Where a page states a figure, in which words, and what the code says. What is made from the code needs no entry."""
DEFAULT_OF_FLAG: Final = re.compile(r"`--([a-z-]+)`\)?,? (?:[a-z]+ )?\(([0-9][0-9,.]*)(?: s| seconds)?\)")
"""A flag with its default behind it, as a sentence writes it."""


def written(figure: object) -> str:
    """Return a figure as the pages write it: thousands apart, and no zeros behind a point."""
    return f"{figure:,}".removesuffix(".0") if isinstance(figure, int | float | Decimal) else str(figure)


def one_line(page: Path) -> str:
    """Return the text of a page without its line ends: a sentence may be broken anywhere."""
    return " ".join(text_of(page).split())


@pytest.mark.parametrize(("page", "words", "figure"), CLAIMS, ids=[f"{page}: {words}" for page, words, _ in CLAIMS])
def test_a_page_states_the_figure_of_the_code(page: str, words: str, figure: object) -> None:
    """In these words: whoever rewrites the sentence looks at the figure again."""
    assert words.format(written(figure)) in one_line(ROOT / page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_default_behind_a_flag_is_the_flags(page: Path) -> None:
    """`--grace-seconds` (20), for example."""
    found = DEFAULT_OF_FLAG.findall(one_line(page))
    wrong = [(flag, figure) for flag, figure in found if written(getattr(SETTINGS, flag.replace("-", "_"))) != figure]
    assert wrong == []


def test_there_are_such_defaults() -> None:
    """A new way to write them does not switch this file off."""
    assert sum(len(DEFAULT_OF_FLAG.findall(one_line(page))) for page in PAGES) >= 4
