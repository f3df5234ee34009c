"""The OpenAPI document: valid, whole, and of one mind with what parses and answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from order_engine import ContentLimits, EventType, InvalidOrder, Status
from order_engine.domain.limits import DEFAULT_LIMITS
from order_engine.domain.text import identifier_problem
from order_engine.domain.validation import validate
from order_engine.wire import read_order
from order_engine_adapters.http.access import OPEN, SCOPES
from order_engine_adapters.http.openapi import OPERATIONS, Described, document
from order_engine_adapters.http.openapi.patterns import IDENTIFIER, NO_IDENTIFIER, SURROGATES
from order_engine_adapters.http.openapi.problems import known_problems
from order_engine_adapters.http.resources import Resource
from tests.unit.http.serving import order, serving

ANSWERED_ALIKE = {"HEAD", "OPTIONS"}
NOT_OF_A_ROUTE = {"method_not_allowed"}


@cache
def made(content: ContentLimits = DEFAULT_LIMITS, *, keys: bool = False) -> Mapping[str, Any]:
    """Return the document of a service with these limits."""
    return document(Described(content=content, keys=keys))


def operations(described: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield every operation with its path and its method."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def validator(name: str, content: ContentLimits = DEFAULT_LIMITS) -> jsonschema_rs.Draft202012Validator:
    """Return a validator of one schema."""
    described = made(content)
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@pytest.mark.parametrize("keys", [False, True])
def test_the_document_is_openapi_3_1(keys: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    """It keeps to the meta schema, and every reference leads somewhere."""
    OpenAPIV31SpecValidator(json.loads(json.dumps(made(keys=keys)))).validate()


async def test_every_route_is_described_and_every_description_has_its_route() -> None:
    """Whoever adds a route adds what it does; HEAD and OPTIONS are the same everywhere."""
    async with serving() as service:
        routes = {
            (route.path, method)
            for route in service.app.routes
            if isinstance(route, Route) and isinstance(route.app, Resource)
            for method in route.app.methods - ANSWERED_ALIKE
        }
    assert routes == set(OPERATIONS)
    assert routes == {(path, method) for path, method, _ in operations(made())}


def test_operations_are_told_apart_by_their_names() -> None:
    """Generators of clients make functions of them."""
    names = [operation["operationId"] for _, _, operation in operations(made())]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() for name in names)


def test_every_operation_is_told_in_words_and_with_examples() -> None:
    """A summary, a description, and an example wherever there is content in JSON."""
    described = made()
    for path, method, operation in operations(described):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        for status, answer in operation["responses"].items():
            answer = resolved(described, answer)  # noqa: PLW2901 - the answer behind a reference
            assert answer["description"], (path, method, status)
            for media_type, content in answer.get("content", {}).items():
                if media_type.endswith("json") and not path.endswith("/openapi.json"):
                    assert "example" in content or content.get("examples"), (path, method, status)


def resolved(described: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference refers to, or the part itself."""
    if "$ref" not in part:
        return part
    found: Any = described
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    answer: Mapping[str, Any] = found
    return answer


def test_every_problem_is_in_the_document() -> None:
    """Each with its status and an example, in the answers of some operation."""
    described = made(keys=True)
    told: set[tuple[str, str]] = set()
    for _, _, operation in operations(described):
        for status, answer in operation["responses"].items():
            for content in resolved(described, answer).get("content", {}).values():
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
    described = made(keys=True)
    fields = {"401": "WWW-Authenticate", "403": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
    for path, method, operation in operations(described):
        for status in operation["responses"].keys() & fields.keys():
            answer = resolved(described, operation["responses"][status])
            assert fields[status] in answer["headers"], (path, method, status)


def test_examples_keep_to_their_schemas() -> None:
    """Those of bodies, of answers and of problems."""
    described = made(keys=True)
    seen = 0
    for _, _, operation in operations(described):
        parts = [*operation["responses"].values(), operation.get("requestBody", {})]
        for content in (each for part in parts for each in resolved(described, part).get("content", {}).values()):
            if "$ref" not in content.get("schema", {}) or content["schema"]["$ref"].endswith("ServerSentEvent"):
                continue
            checked = validator(content["schema"]["$ref"].rpartition("/")[2])
            examples = [each["value"] for each in content.get("examples", {}).values()]
            for example in [*examples, *([content["example"]] if "example" in content else [])]:
                checked.validate(example)
                seen += 1
    assert seen > 50


def test_the_words_of_the_lifecycle_are_those_of_the_domain() -> None:
    """Statuses and types of events, in their order."""
    schemas = made()["components"]["schemas"]
    assert schemas["Status"]["enum"] == list(Status)
    assert schemas["EventType"]["enum"] == list(EventType)
    assert set(schemas["Statistics"]["properties"]["status_counts"]["properties"]) == set(Status)


AMOUNTS = [
    "0", "0.00", "-0", "-0.0", "1", "50.00", "0.000001", "0.0000001", "0.1000000", "0.12345670", "999999999999999",
    "999999999999999.999999", "1000000000000000", "1000000000000000.000", "1000000000000000.01", "1000000000000001",
    "9999999999999999", "-1", "-0.01", "00", "01.5", "1.", ".5", "+1", "", " 1", "1 ", "NaN", "1,5", "\u0661", "0x1",
    "139.12", "22.20",
]  # fmt: skip
IDENTIFIERS = [
    "a", "a b", "\u00e9", "e\u0301", "\U0001f600", "x" * 256, "x" * 257, "\U0001f600" * 256, "", " ", " a", "a ", "a/b",
    ".", "..", "...", "a\nb", "a\n", "\ta", "\x00", "a\u200bb", "a\u00a0b", "\ue000", "\u2028", "\u00ad", "#", "%41",
    "{}", "-", "85123A", "C536379", "\ufffd", "a\u200db", "\u200da", "a\u200c", "\u0378", "\uffff", "\U0001fffe",
    "\U0010ffff", "\U000f0000", "\U000110bd", "\U000e0041", "\U000e0100", "\U00031350", "\x85", "a\x7fb",
]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_schema_and_the_parser_take_the_same_amounts(amount: str) -> None:
    """For texts in plain notation; what is an exponent is read, and not in the expression."""
    assert validator("NewOrder").is_valid(order(total_amount=amount)) == is_taken(order(total_amount=amount))


@pytest.mark.parametrize("exponent", ["5e1", "1E-6", "0e5"])
def test_exponents_are_read_though_the_schema_is_silent_on_them(exponent: str) -> None:
    """As its description says."""
    assert is_taken(order(total_amount=exponent))
    assert not validator("NewOrder").is_valid(order(total_amount=exponent))


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("field", ["order_id", "user_id", "item_ids"])
def test_the_schema_and_the_parser_take_the_same_ids(field: str, identifier: str) -> None:
    """Of orders, of users and of items."""
    placed = order(**{field: [identifier] if field == "item_ids" else identifier})
    assert validator("NewOrder").is_valid(placed) == is_taken(placed)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"currency": "GBP"}, {"currency": "gbp"}, {"currency": "GBPX"}, {"currency": ""}, {"currency": None},
        {"currency": "GBP\n"}, {"attributes": {"a": [1, {"b": None}]}}, {"attributes": []}, {"attributes": None},
        {"order_id": None}, {"user_id": None}, {"item_ids": []}, {"item_ids": None}, {"item_ids": "item1"},
        {"item_ids": ["i"] * 10_000}, {"item_ids": ["i"] * 10_001}, {"unknown": 1}, {"total_amount": None},
        {"total_amount": True}, {"total_amount": -1}, {"total_amount": 0}, {"total_amount": 10**15},
        {"total_amount": 10**15 + 1}, {"total_amount": 139.12}, {"total_amount": {}}, {"user_id": 5},
    ],
    ids=repr,
)  # fmt: skip
def test_the_schema_and_the_parser_take_the_same_orders(changes: dict[str, object]) -> None:
    """What is optional, what may be null, how many, of which type."""
    assert validator("NewOrder").is_valid(order(**changes)) == is_taken(order(**changes))


def is_taken(placed: Mapping[str, object], limits: ContentLimits = DEFAULT_LIMITS) -> bool:
    """Whether an order is read and valid."""
    try:
        validate(read_order(json.dumps(placed).encode(), limits), "made", limits)
    except InvalidOrder:
        return False
    return True


@pytest.mark.parametrize("maximum", ["999", "1000", "1", "105", "250", "9"])
@pytest.mark.parametrize("decimals", [0, 2])
def test_limits_of_a_service_are_those_of_its_document(maximum: str, decimals: int) -> None:
    """Whatever the largest amount and its decimals, the expression ends where the parser does."""
    limits = replace(DEFAULT_LIMITS, amount_maximum=Decimal(maximum), amount_decimals=decimals)
    checked = validator("NewOrder", limits)
    numbers = {f"{whole}{fraction}" for whole in range(1100) for fraction in ("", ".0", ".5", ".55", ".555")}
    for amount in numbers:
        placed = order(total_amount=amount)
        assert checked.is_valid(placed) == is_taken(placed, limits), amount


def test_the_expressions_of_ids_take_the_characters_that_the_parser_takes() -> None:
    """All of them, alone and between two others; an expression alone can name those of the first plane only."""
    pattern, excluded = re.compile(IDENTIFIER), re.compile(NO_IDENTIFIER)
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if not SURROGATES[0] <= code <= SURROGATES[1]
        for text in (chr(code), f"a{chr(code)}b")
        if (pattern.search(text) is not None and excluded.search(text) is None)
        != (identifier_problem(text, len(text)) is None)
    ]
    assert wrong == []
    assert pattern.pattern.isascii()


@pytest.mark.parametrize(
    ("attributes", "taken"),
    [
        ({"a": "\x01", "b": [{"c": ["d"]}], "": {}}, True),
        ({"a": "\0"}, False),
        ({"a\0": 1}, False),
        ({"a": [1, {"b": {"c": [None, "x\0y"]}}]}, False),
        ({"a": [[{"\0": True}]]}, False),
    ],
    ids=repr,
)
def test_the_schema_and_the_parser_take_the_same_attributes(attributes: object, taken: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    """No NUL, wherever: neither in a name nor in a text."""
    placed = order(attributes=attributes)
    assert (validator("NewOrder").is_valid(placed), is_taken(placed)) == (taken, taken)


@pytest.mark.parametrize(
    "amount", [0.05, 0.07, 22.2, 139.12, 0.000001, 0.0000001, 0.1234567, 999999999999999.1, 5e1, 123456.654321]
)
def test_the_schema_and_the_parser_take_the_same_numbers(amount: float) -> None:
    """With the decimals that there may be, and not one more."""
    assert validator("NewOrder").is_valid(order(total_amount=amount)) == is_taken(order(total_amount=amount))


def test_smaller_limits_are_told() -> None:
    """Those of identifiers and items."""
    limits = replace(DEFAULT_LIMITS, identifier_characters=5, items=2)
    checked = validator("NewOrder", limits)
    assert checked.is_valid(order("abcde", user_id="u", item_ids=["a", "b"]))
    assert not checked.is_valid(order("abcdef", user_id="u", item_ids=["a", "b"]))
    assert not checked.is_valid(order("abcde", user_id="u", item_ids=["a", "b", "c"]))


def test_keys_are_asked_for_where_the_service_asks_for_them() -> None:
    """By the scope of each route; without keys nobody is told to show one."""
    assert not any("security" in operation or "401" in operation["responses"] for *_, operation in operations(made()))
    for path, method, operation in operations(made(keys=True)):
        if path in OPEN:
            assert "security" not in operation
            assert "401" not in operation["responses"]
        else:
            assert operation["security"] == [{"key": [SCOPES[path][method]]}]
            assert {"401", "403"} <= operation["responses"].keys()
