"""What the tests of the document share: the document, its operations, and validators of its schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from order_engine import ContentLimits
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine_adapters.http.openapi import DocumentOptions, document


@cache
def made(content: ContentLimits = DEFAULT_LIMITS, *, keys: bool = False) -> Mapping[str, Any]:
    """Return the document of a service with these limits."""
    return document(DocumentOptions(content=content, keys=keys))


def operations(described: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield every operation with its path and its method."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def resolved(described: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference refers to, or the part itself."""
    if "$ref" not in part:
        return part
    found: Any = described
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    answer: Mapping[str, Any] = found
    return answer


def schema_validator(
    schema: Mapping[str, Any], content: ContentLimits = DEFAULT_LIMITS
) -> jsonschema_rs.Draft202012Validator:
    """Return a validator of a schema that may refer to others of the document."""
    whole = {**schema, "components": made(content)["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def validator(name: str, content: ContentLimits = DEFAULT_LIMITS) -> jsonschema_rs.Draft202012Validator:
    """Return a validator of one schema by its name."""
    return schema_validator({"$ref": f"#/components/schemas/{name}"}, content)


def parts(part: object, *path: str) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield every object within a part of the document, itself included, with the path to it. Examples are left out."""
    if isinstance(part, dict):
        yield path, part
        for name, inner in part.items():
            if name not in ("example", "examples"):
                yield from parts(inner, *path, str(name))
    elif isinstance(part, list | tuple):
        for place, inner in enumerate(part):
            yield from parts(inner, *path, str(place))
