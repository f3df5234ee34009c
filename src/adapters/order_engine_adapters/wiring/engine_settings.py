"""The settings that `open_engine` takes, as a type checker sees them."""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict


class EngineSettings(TypedDict, total=False):
    """The settings of one engine, by name; each is optional. docs/reference/settings.md has their meanings and ranges.

    Times are seconds. Left out are the settings that only a service has, such as `host` and `api_keys_file`.
    """

    queue_url: str | None
    require_durable: bool
    no_migrate: bool
    concurrency: int
    threads: int
    lease_seconds: float
    max_attempts: int
    max_deliveries: int
    attempt_seconds: float
    backoff_seconds: float
    backoff_cap_seconds: float
    poll_seconds: float
    request_seconds: float
    grace_seconds: float
    stop_seconds: float
    max_waiting: int
    max_waiting_bytes: int
    batch_orders: int
    batch_bytes: int
    bell_orders: int
    page_limit: int
    page_bytes: int
    max_identifier_characters: int
    max_items: int
    max_total_amount: Decimal | int
    max_amount_decimals: int
    max_attributes_bytes: int
    max_nesting: int
    max_number_characters: int
