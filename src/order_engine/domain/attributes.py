"""The opaque JSON that a client hands to the processor: kept as text, so that it is exact, immutable and picklable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from order_engine.domain.limits import ContentLimits

JsonValue: TypeAlias = "bool | int | str | Decimal | list[JsonValue] | dict[str, JsonValue] | None"
JsonInput: TypeAlias = "bool | float | str | Decimal | Sequence[JsonInput] | Mapping[str, JsonInput] | None"

# The order's own object is level 1, so its attributes are level 2.
ATTRIBUTES_LEVEL = 2
WHOLE = ""
BITS_PER_DECIMAL_DIGIT = 3.33


class AttributesProblem(ValueError):
    """Why a value cannot be attributes: `pointer` (JSON Pointer below the attributes) and a sentence."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Keep both parts."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer}: {detail}")


@dataclass(frozen=True, eq=False, slots=True)
class Attributes(Mapping[str, JsonValue]):
    """A JSON object, read-only. `text` is its exact compact text; reading gives fresh values, exact numbers.

    Two are equal when their values are: 1 and 1.0 are one number, the order of keys does not count, true is not 1.
    """

    text: str

    @property
    def size(self) -> int:
        """The length of the text in UTF-8 bytes."""
        return len(self.text) if self.text.isascii() else len(self.text.encode())

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the values as a new dictionary, which the caller may change."""
        value: dict[str, JsonValue] = json.loads(self.text, parse_float=Decimal)
        return value

    def __getitem__(self, key: str) -> JsonValue:
        """Return the value of one key."""
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        """Go through the keys in the order they were given."""
        return iter(self.to_dict())

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.to_dict())

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        if not isinstance(other, Attributes):
            return NotImplemented
        return self.text == other.text or self.canonical() == other.canonical()

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self.canonical())

    def __repr__(self) -> str:
        """Show the text."""
        return f"Attributes({self.text!r})"

    def canonical(self) -> str:
        """Return a text that is equal exactly for equal values."""
        return canonical_json(self.to_dict())


def encode_attributes(value: Mapping[str, JsonInput] | None, limits: ContentLimits) -> Attributes | None:
    """Return the attributes, or None for None and for an empty object, which mean the same.

    Raises `AttributesProblem` for anything that is not JSON, is nested too deeply, holds a NUL or a lone surrogate,
    or is too long.
    """
    if isinstance(value, Attributes):
        value = value.to_dict()
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise AttributesProblem(WHOLE, "must be a JSON object")
    text = _encode(value, "", ATTRIBUTES_LEVEL, limits)
    size = len(text.encode())
    if size > limits.attributes_bytes:
        raise AttributesProblem(WHOLE, f"must have at most {limits.attributes_bytes} bytes, has {size}")
    return Attributes(text)


def canonical_json(value: JsonValue) -> str:
    """Return a text that is equal exactly for equal JSON values: sorted keys, numbers by value."""
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}:{canonical_json(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _canonical_number(Decimal(value))
    return json.dumps(value)


def _canonical_number(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant}E{int(exponent) + len(text) - len(significant)}"


def _encode(value: object, pointer: str, level: int, limits: ContentLimits) -> str:
    if isinstance(value, str):
        return _encode_text(value, pointer)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float | Decimal):
        return _encode_number(value, pointer, limits)
    if level > limits.nesting:
        raise AttributesProblem(pointer, f"must not be nested over {limits.nesting} levels")
    if isinstance(value, Mapping):
        return "{" + _joined(_members(value, pointer, level, limits), limits) + "}"
    if isinstance(value, list | tuple):
        items = (_encode(item, f"{pointer}/{index}", level + 1, limits) for index, item in enumerate(value))
        return "[" + _joined(items, limits) + "]"
    raise AttributesProblem(pointer, f"must be JSON, not {type(value).__name__}")


def _joined(parts: Iterable[str], limits: ContentLimits) -> str:
    """Join parts, giving up early: lists that share their parts are small in memory, and may be endless as text."""
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + 1
        if size > limits.attributes_bytes:
            raise AttributesProblem(WHOLE, f"must have at most {limits.attributes_bytes} bytes")
        kept.append(part)
    return ",".join(kept)


def _members(value: Mapping[object, object], pointer: str, level: int, limits: ContentLimits) -> Iterator[str]:
    for key, member in value.items():
        if not isinstance(key, str):
            raise AttributesProblem(pointer, f"must have strings as keys, not {type(key).__name__}")
        if problem := _text_problem(key):
            # The pointer stops at the object: with such a key in it, it could not be sent or logged itself.
            raise AttributesProblem(pointer, f"has a key that {problem}")
        below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        yield f"{json.dumps(key, ensure_ascii=False)}:{_encode(member, below, level + 1, limits)}"


def _encode_text(value: str, pointer: str) -> str:
    if problem := _text_problem(value):
        raise AttributesProblem(pointer, problem)
    return json.dumps(value, ensure_ascii=False)


def _text_problem(value: str) -> str | None:
    if "\0" in value:
        return "must hold no NUL character"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "must hold no lone surrogate"
    return None


def _encode_number(value: float | Decimal, pointer: str, limits: ContentLimits) -> str:
    # The texts are the base classes' own: an enumeration, or a number of another library, may show itself otherwise.
    if isinstance(value, int):
        # Bounded by its bits first: the text of a huge integer takes quadratic time, and Python refuses it.
        if value.bit_length() > limits.number_characters * BITS_PER_DECIMAL_DIGIT:
            raise AttributesProblem(pointer, f"must have at most {limits.number_characters} characters")
        text = int.__repr__(value)
    elif isinstance(value, float):
        if not isfinite(value):
            raise AttributesProblem(pointer, "must be a finite number")
        text = float.__repr__(value)
    else:
        if not value.is_finite():
            raise AttributesProblem(pointer, "must be a finite number")
        text = Decimal.__str__(value)
    if len(text) > limits.number_characters:
        raise AttributesProblem(pointer, f"must have at most {limits.number_characters} characters")
    return text
