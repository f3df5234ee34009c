"""Reading requests: header fields, media types, bodies, path parameters. All of it by the limits and strictly."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import Message, Receive, Scope

from order_engine.domain.errors import OrderNotFound
from order_engine.domain.text import order_id_problem
from order_engine_adapters.http.errors import (
    BodyTooLarge,
    InvalidHeader,
    NotAcceptable,
    RequestTimedOut,
    UnsupportedMediaType,
)
from order_engine_adapters.http.limits import HttpLimits

JSON_TYPE: Final = b"application/json"
LONGEST_KEY: Final = 255
QUOTED: Final = re.compile(rb'"((?:[!#-\[\]-~]|\\["\\])*)"')
"""A string of RFC 9651, section 3.3.3, without the space."""
VISIBLE: Final = re.compile(rb"[!-~]+")
BATCH: Final = "batch"
"""An order may have this id too: what is read at /orders/batch is that order."""
DISCARDED_BYTES: Final = 4 * 1024 * 1024
"""How much of a body over its limit is read and thrown away, so that its client gets to read the answer."""


class ClientGone(Exception):
    """The client closed its connection before its request was whole."""


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of all header fields of this name, which is in lower case."""
    return [value for field, value in scope["headers"] if field == name]


def check_json_accepted(scope: Scope) -> None:
    """Raise NotAcceptable where the client accepts neither JSON nor everything."""
    accepted = header_values(scope, b"accept")
    if not accepted or accepted in ([b"*/*"], [JSON_TYPE]):
        return
    if not any(map(_admits_json, b",".join(accepted).split(b","))):
        message = "The answer is application/json, which the Accept field excludes."
        raise NotAcceptable(message)


def _admits_json(media_range: bytes) -> bool:
    name, *parameters = (part.strip().lower() for part in media_range.split(b";"))
    refused = any(re.fullmatch(rb"q=0(\.0*)?", parameter) for parameter in parameters)
    return name in {b"*/*", b"application/*", JSON_TYPE, b"application/problem+json"} and not refused


def check_media_type(scope: Scope, admitted: Iterable[bytes]) -> bytes:
    """Return the media type of the body. Raises UnsupportedMediaType for any but those admitted, and for encodings."""
    given = header_values(scope, b"content-type")
    if header_values(scope, b"content-encoding"):
        message = "The body must not be encoded: send it without Content-Encoding."
        raise UnsupportedMediaType(message)
    if len(given) == 1:
        media_type, *parameters = (part.strip().lower() for part in given[0].split(b";"))
        if media_type in admitted and all(map(_is_utf_8, parameters)):
            return media_type
    message = f"The body must have the Content-Type {' or '.join(each.decode() for each in admitted)}, in UTF-8."
    raise UnsupportedMediaType(message)


def _is_utf_8(parameter: bytes) -> bool:
    name, _, value = parameter.partition(b"=")
    return not parameter or name.strip() != b"charset" or value.strip().strip(b'"') in {b"utf-8", b"utf8"}


def idempotency_key(scope: Scope) -> str | None:
    """Return the Idempotency-Key: a string as in RFC 9651, or the same without its quotes. Raises InvalidHeader."""
    given = header_values(scope, b"idempotency-key")
    if not given:
        return None
    text = given[0].strip(b" \t")
    if quoted := QUOTED.fullmatch(text):
        text = re.sub(rb"\\(.)", rb"\1", quoted[1])
    elif text.startswith(b'"'):
        text = b""
    if len(given) > 1 or not VISIBLE.fullmatch(text) or len(text) > LONGEST_KEY:
        message = f"The Idempotency-Key must be one string of 1 to {LONGEST_KEY} visible ASCII characters."
        raise InvalidHeader(message)
    return text.decode()


def path_order_id(scope: Scope) -> str:
    """Return the order id in the path. Raises OrderNotFound for one that no order can have."""
    order_id: str = scope["path_params"].get("order_id", BATCH)
    if order_id_problem(order_id, sys.maxsize) or ("\ufffd" in order_id and not _is_sent_in_utf_8(scope)):
        raise OrderNotFound(order_id[:LONGEST_KEY])
    return order_id


def _is_sent_in_utf_8(scope: Scope) -> bool:
    """Whether the path as it was sent is UTF-8: servers decode what is not as U+FFFD, which a valid id may hold."""
    try:
        unquote_to_bytes(scope.get("raw_path", b"")).decode()
    except UnicodeDecodeError:
        return False
    return True


async def read_body(scope: Scope, receive: Receive, limits: HttpLimits) -> bytes:
    """Return the body of one order. Raises BodyTooLarge, RequestTimedOut and ClientGone."""
    _refuse_declared_length(scope, limits.body_bytes)
    parts: list[bytes] = []
    size = 0
    async for part in body_parts(receive, limits.body_seconds):
        size += len(part)
        if size <= limits.body_bytes:
            parts.append(part)
        elif size > limits.body_bytes + DISCARDED_BYTES:
            break
    if size > limits.body_bytes:
        raise BodyTooLarge(limits.body_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def body_parts(receive: Receive, silence_seconds: float) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises RequestTimedOut after a silence, ClientGone where the client closes."""
    while True:
        message = await _within_silence(receive, silence_seconds)
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _within_silence(receive: Receive, seconds: float) -> Message:
    try:
        async with asyncio.timeout(seconds):
            return await receive()
    except TimeoutError:
        message = f"Nothing of the body came for {seconds:g} s."
        raise RequestTimedOut(message) from None


def declared_length(scope: Scope) -> int:
    """Return the length of the body that the client declares; 0 where it declares none."""
    lengths = header_values(scope, b"content-length")
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _refuse_declared_length(scope: Scope, most: int) -> None:
    # What is not far over the limit is read and thrown away first, unless the client waits to be told to send it.
    length = declared_length(scope)
    waits = length > most and bool(header_values(scope, b"expect"))
    if waits or length > most + DISCARDED_BYTES:
        raise BodyTooLarge(most)
