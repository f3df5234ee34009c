"""The OpenAPI document: valid, whole, and of one mind with what answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine_adapters.http.access.guard import OPEN, SCOPES
from order_engine_adapters.http.messages.resource import Resource
from order_engine_adapters.http.openapi import OPERATIONS
from order_engine_adapters.http.openapi.known_problems import known_problems
from tests.unit.http.openapi.documents import made, operations, parts, resolved, schema_validator, validator
from tests.unit.http.serving import order, serving

ANSWERED_ALIKE = {"HEAD", "OPTIONS"}
NOT_OF_A_ROUTE = {"method_not_allowed", "answers_too_large"}
"""One is what no route has; the other is met within the answer to a batch."""
REFERRED = ("schemas", "parameters", "headers", "examples")


@pytest.mark.parametrize("keys", [False, True])
def test_the_document_is_openapi_3_1(keys: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    """It keeps to the meta schema, and every reference leads somewhere."""
    OpenAPIV31SpecValidator(json.loads(json.dumps(made(keys=keys)))).validate()


async def test_every_route_is_described_and_every_description_has_its_route() -> None:
    """A new route needs an operation. HEAD and OPTIONS are the same everywhere."""
    async with serving() as service:
        routes = {
            (route.path, method)
            for route in service.app.routes
            if isinstance(route, Route) and isinstance(route.app, Resource)
            for method in route.app.methods - ANSWERED_ALIKE
        }
    assert routes == set(OPERATIONS)
    assert routes == {(path, method) for path, method, _ in operations(made())}


def test_every_operation_is_told_in_words_and_with_examples() -> None:
    """A summary, a description, and an example wherever there is content in JSON."""
    described = made()
    tags = {tag["name"] for tag in described["tags"] if tag["description"]}
    for path, method, operation in operations(described):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert set(operation["tags"]) <= tags, (path, method)
        for status, answer in operation["responses"].items():
            assert answer["description"], (path, method, status)
            for media_type, content in answer.get("content", {}).items():
                if media_type.endswith("json") and not path.endswith("/openapi.json"):
                    assert "example" in content or content.get("examples"), (path, method, status)


def test_every_parameter_is_listed_at_its_operations() -> None:
    """Those that refer to an earlier answer as well: there is one document, for generators of clients too."""
    described = made()
    listed = {
        (operation["operationId"], resolved(described, each)["name"])
        for _, _, operation in operations(described)
        for each in operation.get("parameters", ())
    }
    assert listed >= {
        ("placeOrder", "Idempotency-Key"),
        ("listOrders", "cursor"),
        ("getOrder", "If-Match"),
        ("getOrder", "If-None-Match"),
        ("cancelOrder", "If-Match"),
        ("redriveOrder", "If-Match"),
        ("streamEvents", "Last-Event-ID"),
        ("streamOrderEvents", "Last-Event-ID"),
    }


def test_nothing_is_described_that_nothing_refers_to() -> None:
    """Every schema, parameter, header field and example is of use."""
    described = made()
    used = {found["$ref"] for _, found in parts(described) if isinstance(found.get("$ref"), str)}
    used |= {
        each["$ref"]
        for _, _, operation in operations(described)
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for each in content.get("examples", {}).values()
        if "$ref" in each
    }
    there = {f"#/components/{kind}/{name}" for kind in REFERRED for name in described["components"][kind]}
    assert there == used


def test_every_problem_is_in_the_document() -> None:
    """Each with its status and an example, in the answers of some operation."""
    described = made()
    told: set[tuple[str, str]] = set()
    for _, _, operation in operations(described):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                told |= {(status, code) for code in content.get("examples", {}) if int(status) >= 400}
    known = {(str(problem.status), problem.code) for problem in known_problems()}
    assert told == {(status, code) for status, code in known if code not in NOT_OF_A_ROUTE}


def test_no_operation_names_a_problem_that_there_is_not() -> None:
    """A code that was misspelt would be left out in silence."""
    codes = {problem.code for problem in known_problems()}
    for place, operation in OPERATIONS.items():
        assert codes.issuperset(operation.refusals), place


def test_every_503_and_429_says_when_to_come_back() -> None:
    """And every 401 and 403 how to show a key."""
    fields = {"401": "WWW-Authenticate", "403": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
    for path, method, operation in operations(made()):
        for status in operation["responses"].keys() & fields.keys():
            assert fields[status] in operation["responses"][status]["headers"], (path, method, status)


def contents(described: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each content of a body or of an answer."""
    for _, _, operation in operations(described):
        for part in (*operation["responses"].values(), operation.get("requestBody", {})):
            yield from part.get("content", {}).values()


def test_examples_keep_to_their_schemas() -> None:
    """Those of bodies, of answers, of problems, of streams and of other text, of parameters and of header fields."""
    described = made()
    components = described["components"]
    seen = 0
    for content in (*contents(described), *components["parameters"].values(), *components["headers"].values()):
        examples = [resolved(described, each)["value"] for each in content.get("examples", {}).values()]
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            schema_validator(content["schema"]).validate(example)
            seen += 1
    assert seen > 150


def test_smaller_limits_are_told() -> None:
    """Those of identifiers and items."""
    limits = replace(DEFAULT_LIMITS, identifier_characters=5, items=2)
    checked = validator("OrderPlacement", limits)
    assert checked.is_valid(order("abcde", user_id="u", item_ids=["a", "b"]))
    assert not checked.is_valid(order("abcdef", user_id="u", item_ids=["a", "b"]))
    assert not checked.is_valid(order("abcde", user_id="u", item_ids=["a", "b", "c"]))


def test_keys_are_asked_for_where_the_service_asks_for_them() -> None:
    """Without keys, the same operations accept a key or none; open operations need none."""
    for path, method, operation in operations(made()):
        assert operation["security"] == ([] if path in OPEN else [{}, {"bearer": []}]), (path, method)
    for path, method, operation in operations(made(keys=True)):
        assert operation["security"] == ([] if path in OPEN else [{"bearer": []}]), (path, method)
        assert ({"401", "403"} <= operation["responses"].keys()) == (path not in OPEN), (path, method)
        assert path in OPEN or f"scope: `{SCOPES[path][method]}`" in operation["description"], (path, method)
    assert made()["components"]["securitySchemes"]["bearer"].items() >= {("type", "http"), ("scheme", "bearer")}


def test_a_client_of_one_service_fits_the_others() -> None:
    """API keys change only `security`."""
    without, with_keys = (
        {(path, method): {**operation, "security": None} for path, method, operation in operations(made(keys=keys))}
        for keys in (False, True)
    )
    assert without == with_keys
    assert made()["components"] == made(keys=True)["components"]
