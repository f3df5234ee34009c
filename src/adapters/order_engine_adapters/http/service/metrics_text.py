"""Metrics in the text formats of OpenMetrics 1.0 and Prometheus 0.0.4 and 1.0.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from order_engine.application.worker.renewal_capacity import InFlight
from order_engine.domain.metrics import MICROSECONDS_PER_SECOND, Statistics
from order_engine.domain.order import Status
from order_engine_adapters.http.messages.accept import Form

OPEN_METRICS: Final = Form(b"application/openmetrics-text", b"1.0.0")
PROMETHEUS: Final = Form(b"text/plain", b"0.0.4")
PROMETHEUS_1: Final = Form(b"text/plain", b"1.0.0")
"""The same text as 0.0.4. Version 1.0.0 adds quoted UTF-8 names, which are not used here."""
MICROSECOND_DIGITS: Final = 6


class MetricsSnapshot(NamedTuple):
    """Counts of all orders, if available, and the state of this process."""

    statistics: Statistics | None
    ready: bool
    event_streams: int | None
    """None for a process without event streams."""
    in_flight: InFlight | None = None
    """None for a process without a processor."""


class _Sample(NamedTuple):
    suffix: str
    labels: str
    value: str


class _Family(NamedTuple):
    """A metric and its samples."""

    name: str
    kind: str
    unit: str
    meaning: str
    samples: Iterable[_Sample]


def metrics_text(figures: MetricsSnapshot, form: Form) -> bytes:
    """Return the metrics in one of the formats."""
    is_open = form == OPEN_METRICS
    lines = [line for family in _families(figures) for line in _lines(family, is_open=is_open)]
    if is_open:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def described_metrics() -> Iterator[tuple[str, str, str]]:
    """Yield the name, type and description of every metric."""
    nothing = Statistics(0, dict.fromkeys(Status, 0), 0)
    everything = MetricsSnapshot(nothing, ready=True, event_streams=0, in_flight=InFlight(0, 0, limited=False))
    for family in _families(everything):
        suffix = "_total" if family.kind == "counter" else ""
        yield f"{family.name}{suffix}", family.kind, family.meaning


def content_type(form: Form) -> bytes:
    """Return the Content-Type of a format."""
    return b"%s; version=%s; charset=utf-8" % form


def _families(figures: MetricsSnapshot) -> Iterator[_Family]:
    if figures.statistics is not None:
        yield from _of_all_orders(figures.statistics)
    yield _Family(
        "order_engine_repository_up",
        "gauge",
        "",
        "1 if the repository returned the counts for this scrape, else 0.",
        [_plain(int(figures.statistics is not None))],
    )
    yield _Family(
        "order_engine_ready", "gauge", "", "1 if this process accepts orders, else 0.", [_plain(int(figures.ready))]
    )
    if figures.in_flight is not None:
        yield from _in_flight(figures.in_flight)
    if figures.event_streams is not None:
        yield _Family(
            "order_engine_event_streams",
            "gauge",
            "",
            "Open event streams of this process.",
            [_plain(figures.event_streams)],
        )


def _of_all_orders(statistics: Statistics) -> Iterator[_Family]:
    yield _Family(
        "order_engine_orders_placed", "counter", "", "Total orders placed.", [_plain(statistics.total_orders, "_total")]
    )
    counts = [_Sample("", f'{{status="{status}"}}', str(count)) for status, count in statistics.status_counts.items()]
    yield _Family("order_engine_orders", "gauge", "", "Current orders by status.", counts)
    yield _Family(
        "order_engine_processing_seconds",
        "summary",
        "seconds",
        "Seconds from the first claim of the last round to completion.",
        [
            _plain(statistics.status_counts[Status.COMPLETED], "_count"),
            _Sample("_sum", "", _seconds(statistics.processing_microseconds)),
        ],
    )


def _in_flight(in_flight: InFlight) -> Iterator[_Family]:
    yield _Family(
        "order_engine_orders_in_flight",
        "gauge",
        "",
        "Orders that this process is processing.",
        [_plain(in_flight.orders)],
    )
    yield _Family(
        "order_engine_orders_in_flight_limit",
        "gauge",
        "",
        "Maximum orders in flight in this process: its concurrency, or less if lease renewals or threads limit it.",
        [_plain(in_flight.limit)],
    )


def _lines(family: _Family, *, is_open: bool) -> Iterator[str]:
    # In the older format a counter has the name of its sample, and there are no units.
    name = family.name if is_open or family.kind != "counter" else f"{family.name}_total"
    yield f"# TYPE {name} {family.kind}"
    if is_open and family.unit:
        yield f"# UNIT {name} {family.unit}"
    yield f"# HELP {name} {family.meaning}"
    for sample in family.samples:
        yield f"{family.name}{sample.suffix}{sample.labels} {sample.value}"


def _plain(value: int, suffix: str = "") -> _Sample:
    return _Sample(suffix, "", str(value))


def _seconds(microseconds: int) -> str:
    """Return an exact number of seconds. A float would lose microseconds for large sums."""
    whole, rest = divmod(microseconds, MICROSECONDS_PER_SECOND)
    return f"{whole}.{rest:0{MICROSECOND_DIGITS}d}"
