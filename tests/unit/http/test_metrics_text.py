"""The metrics as OpenMetrics and as Prometheus text, and which of the forms a client is given."""

from __future__ import annotations

import pytest
from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as open_parser

from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine_adapters.http.service.metrics_text import OPEN_METRICS, PROMETHEUS, MetricsSnapshot, metrics_text
from tests.unit.http.serving import serving

PROMETHEUS_SERVER = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
JSON, OPEN, PLAIN = "application/json", "application/openmetrics-text", "text/plain"
PREFERENCES = [
    (None, JSON), ("", JSON), ("*/*", JSON), ("application/json", JSON), ("application/*", JSON),
    (PROMETHEUS_SERVER, OPEN), ("text/plain", PLAIN), ("text/*", PLAIN), ("text/plain;version=0.0.4", PLAIN),
    ("application/openmetrics-text", OPEN), ('application/openmetrics-text; version="1.0.0"', OPEN),
    ("application/openmetrics-text;version=0.0.1,text/plain;q=0.3", PLAIN), ("text/html,*/*;q=0.1", JSON),
    ("application/json;q=0.1, text/plain;q=0.2", PLAIN), ("application/json;q=0, */*", OPEN),
    ("text/plain;q=0.9, */*;q=0.8", PLAIN), ("TEXT/PLAIN;Q=0.5", PLAIN),
    ("application/openmetrics-text;q=0, text/plain;q=0, */*;q=0.1", JSON), ("application/problem+json", JSON),
    ("text/plain;version=1.0.0", PLAIN), ("text/plain;version=1.0.0;escaping=allow-utf-8", PLAIN),
    ('TEXT/PLAIN; Version="1.0.0"; charset=UTF-8', PLAIN), ('application/openmetrics-text;charset="utf-8"', OPEN),
    ("text/plain;version=0.0.4;charset=utf-8;escaping=values", PLAIN),
]  # fmt: skip
LARGE = Statistics(
    2**53 + 1,
    {Status.PENDING: 1, Status.PROCESSING: 2, Status.COMPLETED: 2**53 - 7, Status.FAILED: 4, Status.CANCELLED: 5},
    9_007_199_254_740_993_000_001,
)


@pytest.mark.parametrize(("accepted", "media_type"), PREFERENCES)
async def test_the_form_that_the_client_likes_best(accepted: str | None, media_type: str) -> None:
    """Quality values count, the most specific range wins, and JSON is the default."""
    async with serving() as service:
        headers = [] if accepted is None else [("accept", accepted)]
        response = await service.client.get("/metrics", *headers)
        assert response.status == 200
        assert str(response.header("content-type")).partition(";")[0] == media_type
        assert response.header("vary") == "Accept"


@pytest.mark.parametrize("accepted", ["text/html", "image/*", "*/*;q=0", "application/openmetrics-text;version=2.0.0",
     "text/plain;version=0.0.3", "text/plain;version=2.0.0"])  # fmt: skip
async def test_a_client_that_accepts_no_form(accepted: str) -> None:
    """406."""
    async with serving() as service:
        response = await service.client.get("/metrics", ("accept", accepted))
        assert (response.status, response.code) == (406, "not_acceptable")


@pytest.mark.parametrize(
    ("accepted", "version"),
    [
        ("text/plain", "0.0.4"), ("text/plain;version=0.0.4", "0.0.4"), ("text/plain;version=1.0.0", "1.0.0"),
        ("text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2", "1.0.0"),
        ("text/plain;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3", "0.0.4"),
        ("text/plain;version=1.0.0,text/plain;version=0.0.4", "0.0.4"),
    ],
)  # fmt: skip
async def test_the_versions_of_the_text(accepted: str, version: str) -> None:
    """The older version is the default. The text differs only in its version."""
    async with serving() as service:
        response = await service.client.get("/metrics", ("accept", accepted))
        assert response.header("content-type") == f"text/plain; version={version}; charset=utf-8"
        older = await service.client.get("/metrics", ("accept", "text/plain"))
        assert response.body == older.body


async def test_the_figures() -> None:
    """Both formats are valid for the Prometheus parsers and contain the values of the JSON."""
    async with serving() as service:
        await service.place("order1", "order2")
        await service.client.post("/orders/order1/cancel")
        as_open = await service.client.get("/metrics", ("accept", OPEN))
        as_plain = await service.client.get("/metrics", ("accept", PLAIN))
    families = list(open_parser.text_string_to_metric_families(as_open.body.decode()))  # type: ignore[no-untyped-call]
    assert as_open.header("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert as_plain.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    samples = _samples(families)
    assert samples == _samples(list(parser.text_string_to_metric_families(as_plain.body.decode())))
    assert samples["order_engine_orders_placed_total"] == 2
    assert samples["order_engine_orders Cancelled"] == 1
    assert samples["order_engine_orders Pending"] == 1
    assert samples["order_engine_orders Completed"] == 0
    assert samples["order_engine_processing_seconds_count"] == 0
    assert samples["order_engine_ready"] == 1
    assert samples["order_engine_repository_up"] == 1
    assert samples["order_engine_event_streams"] == 0


def test_large_figures_are_exact() -> None:
    """No value is converted to a float. A process without streams omits their metric."""
    for form in (OPEN_METRICS, PROMETHEUS):
        text = metrics_text(MetricsSnapshot(LARGE, ready=False, event_streams=None), form).decode()
        assert "\norder_engine_orders_placed_total 9007199254740993\n" in text
        assert "\norder_engine_processing_seconds_sum 9007199254740993.000001\n" in text
        assert "\norder_engine_processing_seconds_count 9007199254740985\n" in text
        assert "\norder_engine_ready 0\n" in text
        assert "event_streams" not in text


def _samples(families: list[Metric]) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }
