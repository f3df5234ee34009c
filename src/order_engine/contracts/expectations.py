"""Assertions of the kit.

They replace `assert`, which `python -O` disables, and which is not informative in modules that pytest does not rewrite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

LONGEST_VALUE = 1_000


class ContractBroken(AssertionError):
    """The adapter under test violates the contract of its port."""


def expect(holds: object, promise: str) -> None:
    """Raise ContractBroken with `promise` unless `holds` is true."""
    if not holds:
        raise ContractBroken(promise)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Raise ContractBroken with the differing fields, keys or items unless both are equal."""
    if actual == expected:
        return
    raise ContractBroken("\n".join([f"{what}:", *differences(actual, expected)]))


def expect_same_items(actual: Iterable[object], expected: Iterable[object], what: str) -> None:
    """Compare the items of two sequences of any type."""
    expect_equal(list(actual), list(expected), what)


def differences(actual: object, expected: object, place: str = "") -> list[str]:
    """Return one line per difference."""
    pairs = _parts(actual, expected)
    if pairs is None:
        return [f"  {place or 'value'}: expected {_short(expected)}, got {_short(actual)}"]
    return [
        line for name, mine, theirs in pairs if mine != theirs for line in differences(mine, theirs, f"{place}{name}")
    ]


def _parts(actual: object, expected: object) -> list[tuple[str, object, object]] | None:
    """Split both into comparable parts; None if this is not possible."""
    if type(actual) is type(expected) and (names := _field_names(actual)):
        return [(f".{name}", getattr(actual, name), getattr(expected, name)) for name in names]
    if isinstance(actual, Mapping) and isinstance(expected, Mapping) and actual.keys() == expected.keys():
        return [(f"[{key!r}]", actual[key], expected[key]) for key in expected]
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [(f"[{index}]", *pair) for index, pair in enumerate(zip(actual, expected, strict=True))]
    return None


def _field_names(value: object) -> list[str]:
    """Return the field names of a dataclass or a named tuple; none for other types."""
    if is_dataclass(value):
        return [one.name for one in fields(value)]
    return list(getattr(value, "_fields", ()))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"
