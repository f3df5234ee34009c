"""What the tests of batches share: bodies in both forms, and their answers read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from tests.unit.http.client import JSON_BODY, NDJSON_BODY, Client, Headers, Response

Item: TypeAlias = dict[str, Any]

BATCH: Final = "/orders/batch"
LINES: Final = "lines"
ARRAY: Final = "array"
FORMS: Final = (LINES, ARRAY)
STREAM: Final = ("prefer", "stream")
"""Asks for answers while the batch is still being sent."""
ENDING_EARLY: Final = frozenset({"answers_too_large", "body_too_large", "malformed_json", "request_timed_out"})
"""The problems that the item before the last may name, which no element was answered with."""


def headers_of(form: str) -> Headers:
    """Return the header fields of a batch in this form."""
    return NDJSON_BODY if form == LINES else JSON_BODY


def body_of(form: str, elements: Sequence[bytes]) -> bytes:
    """Return the body of a batch of these elements."""
    return b"\n".join(elements) if form == LINES else b"[" + b",".join(elements) + b"]"


def items(form: str, response: Response) -> list[Item]:
    """Return the answers of a batch, which come in the form that was sent, without the last item, which is checked."""
    assert response.status == 200, response
    media_type = "application/x-ndjson" if form == LINES else "application/json"
    assert response.header("content-type") == media_type
    assert response.body.isascii()
    told: list[Item]
    if form == LINES:
        assert response.body.endswith(b"\n")
        told = response.lines()
    else:
        told = response.json()
    summary = told.pop()
    for item in told:
        check_item(item)
    check_summary(summary, told)
    return told


def check_summary(summary: Item, told: Sequence[Item]) -> None:
    """Check the counts of the last item. An item that only explains an early end is not counted."""
    assert list(summary) == ["read", "placed", "replayed", "refused"]
    replayed = sum(item["replayed"] for item in told)
    placed = codes(told).count(201) - replayed
    ends_early = summary["read"] == len(told) - 1
    if ends_early:
        assert told[-1]["order_id"] is None
        assert told[-1]["problem"]["code"] in ENDING_EARLY
    refused = len(told) - placed - replayed - ends_early
    assert summary == {"read": len(told) - ends_early, "placed": placed, "replayed": replayed, "refused": refused}


def check_item(item: Item) -> None:
    """Check that an answer is either a placing or a problem."""
    assert list(item) == ["order_id", "code", "replayed", "problem"]
    if item["code"] == 201:
        assert isinstance(item["order_id"], str)
        assert item["problem"] is None
    else:
        assert item["replayed"] is False
        assert item["problem"]["status"] == item["code"]
        assert item["problem"]["type"] == f"urn:order-engine:problem:{item['problem']['code']}"


async def send_batch(client: Client, form: str, elements: Sequence[bytes]) -> list[Item]:
    """Send a batch whole, and return the answers."""
    return items(form, await client.send("POST", BATCH, headers_of(form), body_of(form, elements)))


def codes(answers: Sequence[Item]) -> list[int]:
    """Return the statuses of the answers."""
    return [answer["code"] for answer in answers]


def created(order_id: str, *, replayed: bool = False) -> Item:
    """Return the answer to an order that was placed."""
    return {"order_id": order_id, "code": 201, "replayed": replayed, "problem": None}


def encoded(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()
