"""Building blocks of schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
COUNT: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 0}
NUMBER: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 1}
"""A number that starts at 1."""


def reference(name: str) -> Schema:
    """Return a reference to the schema `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def received(
    members: Mapping[str, Schema], description: str, *, optional: Iterable[str] = (), **more: object
) -> Schema:
    """Return the schema of a response object. Later versions may add members."""
    left_out = frozenset(optional)
    return {
        "type": "object",
        "description": description,
        "properties": dict(members),
        "required": [name for name in members if name not in left_out],
        **more,
    }


def sent(members: Mapping[str, Schema], description: str, *, required: Iterable[str]) -> Schema:
    """Return the schema of a request object. Unknown members are refused."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(members),
        "required": list(required),
        "additionalProperties": False,
    }


def or_null(schema: Schema, description: str = "") -> Schema:
    """Return the schema of a nullable value."""
    described = {"description": description} if description else {}
    if "$ref" in schema or "anyOf" in schema:
        return {"anyOf": [schema, {"type": "null"}], **described}
    return {**schema, "type": [schema["type"], "null"], **described}


def open_set(values: Iterable[str], description: str) -> Schema:
    """Return the schema of a string with known values, to which later versions may add.

    With an `enum`, clients would reject new values.
    """
    known = [str(value) for value in values]
    listed = ", ".join(f"`{value}`" for value in known)
    return {
        "type": "string",
        "description": f"{description} Currently one of {listed}; later versions may add values.",
        "x-extensible-enum": known,
    }
