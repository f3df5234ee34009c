"""What the document becomes in generated clients: names that none confuses, and types that take the next version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from order_engine import EventType, Status
from order_engine.application.runtime import Readiness
from order_engine.domain.commands import CLIENT_ACTIONS
from order_engine.domain.errors import ActionRefused, FieldError, InvalidOrder
from order_engine.domain.events import Event
from order_engine.wire import problem_of, stream_event_json
from order_engine_adapters.http.openapi.known_problems import known_problems
from tests.unit.http.openapi.documents import made, operations, parts, validator
from tests.unit.http.serving import order, serving

KINDS: Final = ("schemas", "parameters", "headers", "securitySchemes")
OWN_NAMES: Final = {
    "Any", "Blob", "Body", "Client", "Config", "Configuration", "Date", "Dict", "Document", "Error", "Event", "Events",
    "Exception", "File", "Header", "Headers", "History", "Iterator", "List", "Location", "Map", "Model", "Number",
    "Object", "Option", "Optional", "Options", "Request", "Response", "Result", "Set", "Status", "Storage", "Stream",
    "String", "Text", "Time", "Type", "Types", "Union", "Value",
}  # fmt: skip
"""Names that a language, a browser or a generator has for things of its own."""
SENT: Final = {"OrderPlacement"}
"""What clients send, and the service reads strictly."""


def test_names_are_told_apart() -> None:
    """Whatever their case, and over every kind of component: generators make types of each, in one place."""
    components = made()["components"]
    names = [name for kind in KINDS for name in components[kind] if kind != "headers"]
    assert all(name.isalnum() for name in names)
    folded = [name.casefold() for name in names]
    assert sorted({name for name in folded if folded.count(name) > 1}) == []
    assert OWN_NAMES.isdisjoint(names)


def test_no_type_has_the_name_that_a_language_makes_of_another() -> None:
    """Go has a function NewOrder for a type Order; others have OrderList, OrderRequest, OrderResponse, OrderBuilder."""
    schemas = set(made()["components"]["schemas"])
    endings = ("List", "Request", "Response", "Builder", "Input", "Output", "Params", "Body", "Data", "Enum", "Error")
    assert schemas.isdisjoint(f"New{name}" for name in schemas)
    assert schemas.isdisjoint(f"{name}{ending}" for name in schemas for ending in endings)
    called = {operation["operationId"].casefold() for _, _, operation in operations(made())}
    made_of_operations = called | {f"{name}{ending.casefold()}" for name in called for ending in endings}
    assert made_of_operations.isdisjoint(name.casefold() for name in schemas)


def test_operations_are_told_apart_by_their_names() -> None:
    """Generators of clients make functions of them."""
    names = [operation["operationId"].casefold() for _, _, operation in operations(made())]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() for name in names)


def test_every_object_has_a_name() -> None:
    """One that stands within another gets a name of the generator's making; definitions of its own break several."""
    for path, part in parts(made()):
        assert "$defs" not in part, path
        if "properties" in part and path[-1] != "properties":
            assert path[:2] == ("components", "schemas"), path
            assert len(path) == 3, path
        if part.get("type") == "object":
            assert path[:2] == ("components", "schemas"), path


def test_no_plain_text_has_a_name() -> None:
    """Some generators then give that name to every text, others wrap it into a class of its own."""
    schemas = made()["components"]["schemas"]
    assert [name for name, schema in schemas.items() if schema.get("type") == "string" and "enum" not in schema] == []


def test_only_sets_that_never_grow_are_closed() -> None:
    """There will be no other status. Codes, types of events, states and actions get more, which clients live with."""
    closed = {path[2:] for path, part in parts(made()) if "enum" in part and path[-1] != "properties"}
    assert closed == {("OrderStatus",)}
    schemas = made()["components"]["schemas"]
    assert schemas["OrderStatus"]["enum"] == list(Status)
    assert set(schemas["StatusCounts"]["properties"]) == set(Status)


@pytest.mark.parametrize(
    ("schema", "member", "values"),
    [
        ("OrderEvent", "type", list(EventType)),
        ("StreamedEvent", "type", list(EventType)),
        ("Problem", "code", [problem.code for problem in known_problems()]),
        ("Problem", "state", [state for state in Readiness if state is not Readiness.READY]),
        ("Readiness", "limited_by", ["renewals"]),
    ],
)
def test_open_sets_name_the_values_that_there_are(schema: str, member: str, values: list[str]) -> None:
    """In words, and for generators that know open sets."""
    described = made()["components"]["schemas"][schema]["properties"][member]
    assert described["x-extensible-enum"] == [str(value) for value in values]
    assert all(f"`{value}`" in described["description"] for value in values)


def test_actions_are_an_open_set() -> None:
    """Those that a refusal names."""
    allowed = made()["components"]["schemas"]["Problem"]["properties"]["allowed"]["items"]
    assert allowed["x-extensible-enum"] == list(CLIENT_ACTIONS)


def test_answers_may_get_members() -> None:
    """Generated clients refuse a member that a closed object does not have: at the next version all of them."""
    closed = {path[2] for path, part in parts(made()) if part.get("additionalProperties") is False}
    assert closed == SENT


def members(name: str) -> tuple[set[str], set[str]]:
    """Return the names of the members of an object: all, and those that are always there."""
    schema = made()["components"]["schemas"][name]
    return set(schema["properties"]), set(schema["required"])


def expect_described(name: str, document: Mapping[str, Any]) -> None:
    """Check that a document has the members that its schema describes, and no others."""
    validator(name).validate(document)
    described, always = members(name)
    assert always <= set(document) <= described, name


async def test_what_is_answered_is_described() -> None:
    """Member for member, which an open schema does not check."""
    trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    async with serving() as service:
        full = order(currency="GBP", attributes={"gift": True})
        created = await service.client.place({name: full[name] for name in full if name != "order_id"})
        expect_described("OrderCreated", created.json())
        await service.client.place(full, trace)
        await service.bench.settle()
        expect_described("Order", (await service.client.get("/orders/order1")).json())
        assert set((await service.client.get("/orders/order1")).json()) == members("Order")[0]
        page = (await service.client.get("/orders")).json()
        expect_described("OrderPage", page)
        for each in page["orders"]:
            expect_described("Order", each)
        history = (await service.client.get("/orders/order1/history")).json()
        expect_described("OrderHistory", history)
        for each in history["events"]:
            expect_described("OrderEvent", each)
        for name, path in {
            "OrderStatusAnswer": "/orders/order1/status", "Metrics": "/metrics", "Liveness": "/livez",
            "Readiness": "/readyz", "Problem": "/orders/nobody",
        }.items():  # fmt: skip
            expect_described(name, (await service.client.get(path)).json())


def test_what_is_streamed_is_described() -> None:
    """With everything that an event may have."""
    event = Event(
        order_id="order1", version=2, type=EventType.RETRIED, status=Status.PROCESSING,
        at=datetime(2026, 1, 5, tzinfo=UTC), token=1, attempt=1, reason="boom",
    )  # fmt: skip
    told = json.loads(stream_event_json(event))
    expect_described("StreamedEvent", told)
    assert set(told) == members("StreamedEvent")[0]


@pytest.mark.parametrize(
    "error",
    [InvalidOrder((FieldError("/user_id", "is required"),)), ActionRefused("order1", "cancel", "Failed", ("redrive",))],
)
def test_what_problems_say_besides_is_described(error: InvalidOrder | ActionRefused) -> None:
    """The wrong fields of a body; how the order stands whose action was refused."""
    told = problem_of(error).document()
    expect_described("Problem", told)
    for each in told.get("errors", []):  # type: ignore[attr-defined]
        expect_described("FieldProblem", each)
