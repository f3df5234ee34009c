"""Conditional requests (RFC 9110, section 13): the entity tag of an order is its version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from starlette.types import Scope

from order_engine.application.engine import OrderEngine
from order_engine.domain.errors import VersionMismatch
from order_engine.domain.order import Order
from order_engine_adapters.http.errors import InvalidHeader
from order_engine_adapters.http.requests import header_values

ENTITY_TAG: Final = rb'(?:W/)?"[!#-~\x80-\xff]*"'
ENTITY_TAGS: Final = re.compile(rb"[ \t,]*" + ENTITY_TAG + rb"(?:[ \t]*,[ \t,]*" + ENTITY_TAG + rb")*[ \t,]*")
VERSION: Final = re.compile(rb'"([1-9][0-9]{0,17})"')
NO_VERSION: Final = -1
"""Expected where no tag that was given can be that of an order."""


def entity_tag(order: Order) -> bytes:
    """Return the entity tag of an order."""
    return b'"%d"' % order.version


def is_unchanged(scope: Scope, order: Order) -> bool:
    """Whether `If-None-Match` names the order as it is, for an answer of 304.

    `If-Match` comes first (section 13.2.2). Raises VersionMismatch where it does not name the order, InvalidHeader.
    """
    tag = entity_tag(order)
    given = _given(scope, b"if-match")
    if given is not None and given != b"*" and tag not in (tags := _tags(given, "If-Match", weak=False)):
        raise VersionMismatch(order.order_id, next(_versions(tags), NO_VERSION), order.version)
    return names_tag(scope, tag)


def names_tag(scope: Scope, tag: bytes) -> bool:
    """Whether `If-None-Match` names this tag: a weak comparison, as section 13.1.2 has it. Raises InvalidHeader."""
    given = _given(scope, b"if-none-match")
    if given is None or given == b"*":
        return given is not None
    return tag in _tags(given, "If-None-Match", weak=True)


async def expected_version(scope: Scope, engine: OrderEngine, order_id: str) -> int | None:
    """Return the version that `If-Match` expects; None where it expects nothing, NO_VERSION where no tag can match.

    Of several versions it is the order's present one, where that is among them. The engine compares it when it acts:
    what is refused without a condition is refused for that with one too (section 13.2.1). Raises OrderNotFound,
    InvalidHeader.
    """
    given = _given(scope, b"if-match")
    if given is None or given == b"*":
        return None
    versions = list(_versions(_tags(given, "If-Match", weak=False)))
    if len(versions) > 1 and (actual := (await engine.state(order_id)).version) in versions:
        return actual
    return versions[0] if versions else NO_VERSION


def _versions(tags: Iterable[bytes]) -> Iterator[int]:
    return (int(match[1]) for tag in tags if (match := VERSION.fullmatch(tag)))


def _given(scope: Scope, name: bytes) -> bytes | None:
    values = header_values(scope, name)
    return b",".join(values).strip(b" \t") if values else None


def _tags(given: bytes, name: str, *, weak: bool) -> list[bytes]:
    """Return the tags that may match: for a weak comparison all, bare of their mark; for a strong one the strong."""
    if not ENTITY_TAGS.fullmatch(given):
        message = f'{name} must be * or entity tags, for example "3".'
        raise InvalidHeader(message)
    tags: list[bytes] = re.findall(ENTITY_TAG, given)
    return [tag.removeprefix(b"W/") for tag in tags] if weak else [tag for tag in tags if not tag.startswith(b"W/")]
