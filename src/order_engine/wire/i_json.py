"""Strict JSON parser: I-JSON (RFC 7493) with exact numbers.

Hooks into the standard library's parser receive the text of each number and the members of each object, which makes it
exact and strict. It takes 1.9 µs for a typical order, jiter 0.7 µs (CPython 3.11), but adds no dependency to the core;
jiter also rejects integers of more than 4,300 digits, a limit that is set elsewhere here.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NoReturn

from order_engine.domain.content.attributes import JsonValue
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import MalformedJson

NO_NUMBER = Decimal("NaN")
"""Placeholder for a number whose exponent exceeds the range of Decimal. Validation rejects it."""


class _NumberTooLong(ValueError):
    pass


class _DuplicateName(ValueError):
    pass


class _NotANumber(ValueError):
    pass


def read_json(text: bytes, limits: ContentLimits) -> JsonValue:
    """Parse JSON in UTF-8: integers as int, other numbers as Decimal.

    Raises MalformedJson if the text is not I-JSON: invalid UTF-8, a byte order mark, NaN, duplicate names in an object,
    lone surrogates, nesting deeper than `limits.nesting`, or a number longer than `limits.number_characters`.
    """
    if text.startswith(BOM_UTF8):
        message = "JSON must not begin with a byte order mark (RFC 8259, section 8.1)."
        raise MalformedJson(message)
    try:
        decoded = text.decode()
        value: JsonValue = _decoder(limits.number_characters).decode(decoded)
    except UnicodeDecodeError as error:
        message = f"JSON must be valid UTF-8: invalid byte at offset {error.start} (RFC 8259, section 8.1)."
        raise MalformedJson(message) from None
    except json.JSONDecodeError as error:
        message = f"Malformed JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}."
        raise MalformedJson(message) from None
    except (_NumberTooLong, _DuplicateName, _NotANumber) as error:
        raise MalformedJson(str(error)) from None
    except RecursionError:
        raise _too_deep(limits) from None
    _check_nesting(text, value, limits)
    if "\\u" in decoded:
        _check_surrogates(value)
    return value


@lru_cache(maxsize=8)
def _decoder(number_characters: int) -> json.JSONDecoder:
    def bounded(text: str) -> str:
        if len(text) > number_characters:
            message = f"A number must be at most {number_characters} characters long, not {len(text)}."
            raise _NumberTooLong(message)
        return text

    def integer(text: str) -> int | Decimal:
        # As an integer, -0 would lose its sign.
        return int(bounded(text)) if text != "-0" else Decimal(text)

    return json.JSONDecoder(
        parse_int=integer,
        parse_float=lambda text: _decimal(bounded(text)),
        parse_constant=_refuse_constant,
        object_pairs_hook=_object,
    )


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        mantissa = text.lower().partition("e")[0]
        return NO_NUMBER if mantissa.strip("-0.") else Decimal(0)


def _object(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(members)
    if len(value) != len(members):
        message = "An object must not contain duplicate names (RFC 7493, section 2.3)."
        raise _DuplicateName(message)
    return value


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON (RFC 8259, section 6)."
    raise _NotANumber(message)


def _check_nesting(text: bytes, value: JsonValue, limits: ContentLimits) -> None:
    # Few orders have as many brackets as the nesting limit, so counting them is enough for nearly all.
    if text.count(b"[") + text.count(b"{") > limits.nesting and _depth_exceeds(value, limits.nesting):
        raise _too_deep(limits)


def _depth_exceeds(value: JsonValue, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    members = value.values() if isinstance(value, dict) else value
    return any(_depth_exceeds(member, levels - 1) for member in members)


def _check_surrogates(value: JsonValue) -> None:
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            message = "A string must not contain lone surrogates (RFC 7493, section 2.1)."
            raise MalformedJson(message)
    elif isinstance(value, list):
        for member in value:
            _check_surrogates(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_surrogates(name)
            _check_surrogates(member)


def _too_deep(limits: ContentLimits) -> MalformedJson:
    return MalformedJson(f"JSON must not be nested deeper than {limits.nesting} levels.")
