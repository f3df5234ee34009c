"""Conditional requests (RFC 9110, section 13). The entity tag of an order is its version.

Proxies that compress responses change the tag, since it identifies other bytes then: Apache, Caddy and lighttpd turn
`"3"` into `"3-gzip"`, Jetty into `"3--gzip"`, others into `"3;gzip"`; nginx, HAProxy and Varnish make it weak, `W/"3"`.
Clients send back the tag that they received, so the first three are read as the original tag.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.types import Scope

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.domain.errors import VersionMismatch
from order_engine.domain.order import Order
from order_engine_adapters.http.errors import InvalidHeader
from order_engine_adapters.http.messages.requests import header_values

ENTITY_TAG: Final = rb'(?:W/)?"[!#-~\x80-\xff]*"'
ENTITY_TAGS: Final = re.compile(rb"[ \t,]*" + ENTITY_TAG + rb"(?:[ \t]*,[ \t,]*" + ENTITY_TAG + rb")*[ \t,]*")
CODING: Final = re.compile(rb'(?:--?|;)(?:br|compress|deflate|gzip|x-gzip|zstd)"\Z', re.IGNORECASE)
"""Suffix of a tag after a proxy has applied a content coding (RFC 9110, section 8.4.1)."""
VERSION: Final = re.compile(rb'"([1-9][0-9]{0,17})"')
NO_VERSION: Final = 0
"""Expected version if no given tag can belong to an order: versions start at 1."""


class TagNeverMatches(VersionMismatch):
    """`If-Match` contains no tag that an order can have, so reading the order again would not help."""

    def __init__(self, order_id: str, actual: int, why: str) -> None:
        """Take the explanation instead of the expected version."""
        super().__init__(order_id, NO_VERSION, actual)
        self.args: tuple[object, ...] = (why,)


class RequiredTags(NamedTuple):
    """Contents of `If-Match`: versions of an order, and tags that never match."""

    versions: list[int]
    weak: list[bytes]
    """Weak tags of versions."""

    async def version(self, engine: OrderEngine, order_id: str) -> int:
        """Return the version that the order must have; of several, its current one if included.

        The engine compares the version when it acts: an action that is refused without a condition is also refused with
        one (section 13.2.1). Raises OrderNotFound.
        """
        if len(self.versions) > 1:
            actual = (await internals_of(engine).queries.state(order_id)).version
            if actual in self.versions:
                return actual
        return self.versions[0] if self.versions else NO_VERSION

    def refusal(self, order_id: str, actual: int) -> VersionMismatch:
        """Return the error for an order with none of these versions."""
        if self.versions:
            return VersionMismatch(order_id, self.versions[0], actual)
        if self.weak:
            tag = self.weak[0].decode("ascii")
            why = (
                f"If-Match uses strong comparison, so the weak tag W/{tag} never matches (RFC 9110, section 13.1.1). "
                f"Proxies that compress responses make tags weak. Send {tag}, without W/."
            )
        else:
            why = (
                "If-Match contains no tag of this service. Send the ETag of the order, which is its version, such "
                'as "3".'
            )
        return TagNeverMatches(order_id, actual, why)


def entity_tag(order: Order) -> bytes:
    """Return the entity tag of an order."""
    return b'"%d"' % order.version


def is_unchanged(scope: Scope, order: Order) -> bool:
    """Return whether `If-None-Match` matches the current order, for a 304 response.

    `If-Match` is evaluated first (section 13.2.2). Raises VersionMismatch and InvalidHeader.
    """
    required = _required_tags(scope)
    if required is not None and order.version not in required.versions:
        raise required.refusal(order.order_id, order.version)
    return names_tag(scope, entity_tag(order))


def names_tag(scope: Scope, tag: bytes) -> bool:
    """Return whether `If-None-Match` matches this tag, by weak comparison (section 13.1.2). Raises InvalidHeader."""
    given = _given(scope, b"if-none-match")
    if given is None or given == b"*":
        return given is not None
    return tag in (each.removeprefix(b"W/") for each in _tags(given, "If-None-Match"))


async def act(scope: Scope, engine: OrderEngine, action: Callable[..., Awaitable[Order]], order_id: str) -> Order:
    """Act on an order under the condition of `If-Match`, if any. Raises VersionMismatch and InvalidHeader."""
    required = _required_tags(scope)
    if required is None:
        return await action(order_id)
    try:
        return await action(order_id, expected_version=await required.version(engine, order_id))
    except VersionMismatch as error:
        raise required.refusal(order_id, error.actual) from None


def _required_tags(scope: Scope) -> RequiredTags | None:
    """Return the contents of `If-Match`, or None if it is absent or `*`."""
    given = _given(scope, b"if-match")
    if given is None or given == b"*":
        return None
    tags = _tags(given, "If-Match")
    weak = [tag.removeprefix(b"W/") for tag in tags if tag.startswith(b"W/")]
    return RequiredTags(
        [int(match[1]) for tag in tags if (match := VERSION.fullmatch(tag))],
        [tag for tag in weak if VERSION.fullmatch(tag)],
    )


def _given(scope: Scope, name: bytes) -> bytes | None:
    values = header_values(scope, name)
    return b",".join(values).strip(b" \t") if values else None


def _tags(given: bytes, name: str) -> list[bytes]:
    """Return the tags without content coding suffixes."""
    if not ENTITY_TAGS.fullmatch(given):
        message = f'{name} must be * or a list of entity tags, for example "3".'
        raise InvalidHeader(message)
    return [CODING.sub(b'"', tag) for tag in re.findall(ENTITY_TAG, given)]
