"""Requests that are made to cost as much as they can: for each kind of input the largest that is taken, or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.unit.http.batches import BATCH, STREAM
from tests.unit.http.client import JSON_BODY, NDJSON_BODY, Headers
from tests.unit.http.serving import text

BODY_BYTES: Final = 1024 * 1024 - 1000
ATTRIBUTES_BYTES: Final = 256 * 1024 - 1000
HEADER_BYTES: Final = 64 * 1024 - 1000
LINE_BYTES: Final = 8 * 1024 - 1000
LINES: Final = 3_000
PART_BYTES: Final = 64 * 1024
READ_BYTES: Final = 256 * 1024
"""What asyncio and uvloop read from a socket at once."""

SMALL_VALUES: Final = (
    "[]",
    "{}",
    "1",
    "1.5",
    "1e5",
    "-0",
    '""',
    '"a"',
    '"\\u00e9"',
    '"é"',
    "null",
    "[[[]]]",
    '{"a":1}',
)


class Hostile(NamedTuple):
    """One request."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


def filled(unit: str, size: int, separator: str = ",") -> str:
    """Return a unit again and again, up to a size."""
    return separator.join([unit] * (size // (len((unit + separator).encode()))))


def order_with(attributes: str = "{}", items: str = "[]", amount: str = "1", more: str = "") -> bytes:
    """Return an order as JSON."""
    fields = f'"order_id":"x","user_id":"u","item_ids":{items},"total_amount":{amount},"attributes":{attributes}{more}'
    return f"{{{fields}}}".encode()


def _numbered(size: int) -> str:
    return ",".join(f'"{number:06d}":1' for number in range(size // 11))


def _bodies() -> Mapping[str, bytes]:
    """Return bodies of one order."""
    bodies: dict[str, bytes] = {}
    for size, name in ((BODY_BYTES, "as large as a body"), (ATTRIBUTES_BYTES, "as large as attributes")):
        for unit in SMALL_VALUES:
            bodies[f"a list of {unit}, {name}"] = order_with(f'{{"a":[{filled(unit, size)}]}}')
        bodies[f"many keys, {name}"] = order_with(f"{{{_numbered(size)}}}")
        bodies[f"unknown fields, {name}"] = order_with(more=f",{_numbered(size)}")
        bodies[f"a long text, {name}"] = order_with(f'{{"a":"{"x" * size}"}}')
        bodies[f"a text of escapes, {name}"] = order_with(f'{{"a":"{filled(chr(92) + "n", size, "")}"}}')
        bodies[f"a text with accents, {name}"] = order_with(f'{{"a":"{"é" * (size // 2)}"}}')
        bodies[f"a list in a long name, {name}"] = order_with(f'{{"{"x" * (size // 2)}":[{filled("1", size // 2)}]}}')
        bodies[f"long integers, {name}"] = order_with(f'{{"a":[{filled("1" * 400, size)}]}}')
        bodies[f"long decimals, {name}"] = order_with(f'{{"a":[{filled("1." + "1" * 398, size)}]}}')
        bodies[f"deep, {name}"] = order_with("[" * (size // 2) + "]" * (size // 2))
        bodies[f"deep again and again, {name}"] = order_with(f'{{"a":[{filled("[" * 28 + "]" * 28, size)}]}}')
        bodies[f"wrong at the end, {name}"] = order_with(f'{{"a":[{filled("1", size)},"' + "\\u0000" + '"]}')
        bodies[f"no JSON at the end, {name}"] = order_with(f'{{"a":[{filled("1.5", size)},nul]}}')
    for item in ('"item1"', '"it em"', '" item"', '""', "1", f'"{"x" * 90} é"'):
        bodies[f"items {item[:10]}"] = order_with(items=f"[{filled(item, min(BODY_BYTES, 9_990 * (len(item) + 1)))}]")
    bodies["a million items"] = order_with(items=f"[{filled('1', BODY_BYTES)}]")
    bodies["a long amount"] = order_with(amount="1" * 400)
    bodies["a large exponent"] = order_with(amount="1e" + "9" * 390)
    return bodies


def _batches() -> Mapping[str, tuple[str, bytes]]:
    """Return batches, each in lines and as an array."""
    elements = {
        "empty objects": b"{}",
        "numbers": b"1",
        "no JSON": b"nul",
        "unknown fields": b'{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}',
        "good orders": text("order1"),
        "one name after the other": text("order1", **{f"x{number}": 1 for number in range(20)}),
    }
    batches = {
        f"{form} of {name}": (form, (b"\n" if form == "lines" else b",").join([element] * LINES))
        for name, element in elements.items()
        for form in ("lines", "an array")
    }
    medium = order_with(f'{{"a":[{filled("[]", 30_000)}]}}')
    bad_item = '" item"'
    items = order_with(items=f"[{filled(bad_item, 30_000)}]")
    large = order_with(f'{{"a":[{filled("1.5", 200_000)}]}}')
    batches["lines of medium attributes"] = ("lines", b"\n".join([medium] * 20))
    batches["lines of many bad items"] = ("lines", b"\n".join([items] * 20))
    batches["lines of large attributes"] = ("lines", b"\n".join([large] * 5))
    batches["lines of nothing"] = ("lines", b"\n" * BODY_BYTES)
    batches["lines of spaces"] = ("lines", b" \t\r\n" * (BODY_BYTES // 4))
    batches["one long line"] = ("lines", b"x" * BODY_BYTES)
    batches["brackets"] = ("an array", b"[" * (BODY_BYTES // 2))
    batches["quotes"] = ("an array", b'"",' * (BODY_BYTES // 30))
    batches["backslashes"] = ("an array", b'"' + b"\\" * (BODY_BYTES // 2))
    batches["commas"] = ("an array", b"1," * (BODY_BYTES // 100))
    return batches


def _fields() -> Mapping[str, Headers]:
    """Return header fields."""
    accepted = ",".join(f"a{number}/b;q=0.{number % 10}" for number in range(HEADER_BYTES // 14))
    names = ("accept", "if-none-match", "if-match", "last-event-id", "cookie", "authorization", "prefer",
             "idempotency-key", "traceparent", "x-request-id", "content-type", "origin", "forwarded",
             "x-forwarded-for", "x-forwarded-prefix", "host")  # fmt: skip
    units = ("a", ",", " ", "a,", '"1",', '"', 'W/"1" , ', "\\", "*/*,", "a/b;q=0,", ";=", "%2f", "=")
    fields: dict[str, Headers] = {
        f"{name} of {unit}": ((name, filled(unit, HEADER_BYTES, "")),) for name in names for unit in units
    }
    fields["accept of everything"] = (("accept", accepted),)
    fields["two hundred fields"] = tuple((f"x-{number}", "y" * 300) for number in range(200))
    fields["two hundred of one name"] = (("accept", "a/b;q=0.1"),) * 200
    return fields


def _queries() -> Mapping[str, str]:
    """Return targets with a long query, or a long path."""
    units = ("a=1&", "&", "=", "%41", "status=Pending&", "cursor=a&", "%", "limit=9", "%C3%A9=1&", "lastEventId=1&")
    queries = {f"query of {unit}": f"/orders?{filled(unit, LINE_BYTES, '')}" for unit in units}
    for name in ("cursor", "user_id", "limit", "status"):
        for unit in ("a", "1", "%C3%A9", "W10", "-"):
            queries[f"{name} of {unit}"] = f"/orders?{name}={filled(unit, LINE_BYTES, '')}"
    queries["events"] = f"/events?{filled('padding=1&', LINE_BYTES, '')}lastEventId={'a' * 100}"
    queries["path"] = "/orders/" + "a" * LINE_BYTES
    queries["path of escapes"] = "/orders/" + "%C3%A9" * (LINE_BYTES // 6)
    queries["path of slashes"] = "/orders" + "/" * LINE_BYTES
    return queries


def requests() -> Mapping[str, Hostile]:
    """Return the requests by what is hostile in them."""
    found = {f"an order: {name}": Hostile("POST", "/orders", JSON_BODY, body) for name, body in _bodies().items()}
    for name, (form, body) in _batches().items():
        headers = NDJSON_BODY if form == "lines" else JSON_BODY
        found[f"a batch: {name}"] = Hostile("POST", BATCH, headers, body if form == "lines" else b"[" + body + b"]")
        found[f"a streamed batch: {name}"] = found[f"a batch: {name}"]._replace(headers=(*headers, STREAM))
    for name, fields in _fields().items():
        for method, target in (("GET", "/metrics"), ("GET", "/orders/order1"), ("POST", "/orders/order1/cancel"),
                               ("POST", "/orders"), ("HEAD", "/events")):  # fmt: skip
            typed = JSON_BODY if target == "/orders" and fields[0][0] != "content-type" else ()
            body = text("order1") if target == "/orders" else b""
            found[f"{method} {target}: {name}"] = Hostile(method, target, (*typed, *fields), body)
    found |= {f"a target: {name}": Hostile("GET", target) for name, target in _queries().items()}
    return found


def _connections() -> Mapping[str, bytes]:
    """Return what may come on a connection, as much as one read gives."""
    post = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    units = {
        "pipelined requests": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "unknown methods": b"BREW / HTTP/1.1\r\nHost:\r\n\r\n",
        "wishes for another protocol": b"GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "empty lines": b"\r\n",
        "nulls": b"\0",
    }
    found = {name: unit * (READ_BYTES // len(unit)) for name, unit in units.items()}
    found["chunks of one byte"] = post + b"1\r\nx\r\n" * (READ_BYTES // 6)
    found["extensions of chunks"] = post + b"1;a=b\r\nx\r\n" * (READ_BYTES // 10)
    found["trailers"] = post + b"0\r\n" + b"a: b\r\n" * (READ_BYTES // 6)
    found["fields"] = b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (READ_BYTES // 4)
    found["one long field"] = b"GET / HTTP/1.1\r\na: " + b"x" * READ_BYTES
    found["a long target"] = b"GET /" + b"x" * READ_BYTES
    return found


REQUESTS: Final = requests()
CONNECTIONS: Final = _connections()
