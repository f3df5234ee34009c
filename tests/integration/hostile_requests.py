"""Hostile requests and the status of each. New ones belong here."""

from __future__ import annotations

import json

JSON = "application/json"


def head(request: str | bytes, *headers: str, length: int | None = None) -> bytes:
    """Return the head of a request."""
    line = request if isinstance(request, bytes) else request.encode()
    fields = ["Host: shop", *headers, *([] if length is None else [f"Content-Length: {length}"])]
    return line + b" HTTP/1.1\r\n" + "".join(f"{field}\r\n" for field in fields).encode("latin-1") + b"\r\n"


def post(body: bytes, *headers: str, content_type: str | None = JSON, path: str = "/orders") -> bytes:
    """Return a whole POST."""
    typed = [] if content_type is None else [f"Content-Type: {content_type}"]
    return head(f"POST {path}", *typed, *headers, length=len(body)) + body


def with_field(name: str, value: bytes | str, *, order_id: bytes = b'"x"') -> bytes:
    """Return the POST of an order in which one field has this JSON as its value."""
    fields: dict[str, bytes] = {"order_id": order_id, "user_id": b'"u"', "item_ids": b'["i"]', "total_amount": b"1"}
    fields[name] = value.encode() if isinstance(value, str) else value
    return post(b"{" + b",".join(f'"{name}":'.encode() + value for name, value in fields.items()) + b"}")


def without(name: str) -> bytes:
    """Return the POST of an order that lacks a field."""
    fields = {"order_id": "x", "user_id": "u", "item_ids": ["i"], "total_amount": 1}
    del fields[name]
    return post(json.dumps(fields).encode())


GOOD = b'{"order_id":"x","user_id":"u","item_ids":["i"],"total_amount":1}'
DEEP = 100_000
MEGABYTE = 1_000_000


HOSTILE: dict[str, tuple[bytes, int]] = {
    "integer of 5,000 digits": (with_field("total_amount", "9" * 5_000), 400),
    "integer of 5,000 digits in attributes": (with_field("attributes", '{"a":' + "9" * 5_000 + "}"), 400),
    "integer of 900,000 digits": (with_field("total_amount", "9" * 900_000), 400),
    "fraction of 5,000 digits": (with_field("total_amount", "0." + "1" * 5_000), 400),
    "amount text of 5,000 digits": (with_field("total_amount", '"' + "9" * 5_000 + '"'), 422),
    "arrays 100,000 deep": (post(b"[" * DEEP + b"]" * DEEP), 400),
    "arrays 100,000 deep, never closed": (post(b"[" * DEEP), 400),
    "objects 100,000 deep": (post(b'{"a":' * DEEP + b"1" + b"}" * DEEP), 400),
    "attributes 100,000 deep": (with_field("attributes", '{"a":' * DEEP + "1" + "}" * DEEP), 400),
    "attributes 33 deep": (with_field("attributes", '{"a":' * 32 + "1" + "}" * 32), 400),
    "invalid UTF-8": (with_field("user_id", b'"\xff\xfe"'), 400),
    "overlong UTF-8": (with_field("user_id", b'"\xc0\xaf"'), 400),
    "surrogate in UTF-8": (with_field("user_id", b'"\xed\xa0\x80"'), 400),
    "UTF-16": (post(GOOD.decode().encode("utf-16")), 400),
    "byte order mark": (post(b"\xef\xbb\xbf" + GOOD), 400),
    "NUL in order_id": (with_field("order_id", r'"a\u0000b"'), 422),
    "NUL in user_id": (with_field("user_id", r'"a\u0000b"'), 422),
    "NUL in item_ids": (with_field("item_ids", r'["a\u0000b"]'), 422),
    "NUL in currency": (with_field("currency", r'"GB\u0000"'), 422),
    "NUL in total_amount": (with_field("total_amount", r'"1\u0000"'), 422),
    "NUL in attributes": (with_field("attributes", r'{"a":"\u0000"}'), 422),
    "NUL in an attribute's name": (with_field("attributes", r'{"\u0000":1}'), 422),
    "NUL in an unknown name": (with_field(r"\u0000", "1"), 422),
    "raw NUL": (with_field("user_id", b'"a\0b"'), 400),
    "lone high surrogate": (with_field("user_id", r'"\ud800"'), 400),
    "lone low surrogate in a name": (with_field("attributes", r'{"\udc00":1}'), 400),
    "id of a megabyte": (with_field("order_id", '"' + "x" * MEGABYTE + '"'), 422),
    "user id of a megabyte": (with_field("user_id", '"' + "x" * MEGABYTE + '"'), 422),
    "name of a megabyte": (with_field("x" * MEGABYTE, "1"), 422),
    "name twice": (post(b'{"order_id":"x",' + GOOD[1:]), 400),
    "name twice by an escape": (post(b'{"order_\\u0069d":"x",' + GOOD[1:]), 400),
    "NaN": (with_field("total_amount", "NaN"), 400),
    "Infinity": (with_field("total_amount", "-Infinity"), 400),
    "NaN as text": (with_field("total_amount", '"NaN"'), 422),
    "1e400": (with_field("total_amount", "1e400"), 422),
    "1e999999999": (with_field("total_amount", "1e999999999"), 422),
    "1e99999999999999999999": (with_field("total_amount", "1e99999999999999999999"), 422),
    "1e-7": (with_field("total_amount", "1e-7"), 422),
    "-1": (with_field("total_amount", "-1"), 422),
    "amount over the maximum": (with_field("total_amount", "1000000000000000.01"), 422),
    "true as amount": (with_field("total_amount", "true"), 422),
    "array as amount": (with_field("total_amount", "[1]"), 422),
    "array as user_id": (with_field("user_id", '["u"]'), 422),
    "number as order_id": (with_field("order_id", "1"), 422),
    "text as item_ids": (with_field("item_ids", '"item"'), 422),
    "number among the items": (with_field("item_ids", "[1]"), 422),
    "10,001 items": (with_field("item_ids", json.dumps(["i"] * 10_001)), 422),
    "null among the items": (with_field("item_ids", '["i",null]'), 422),
    "attributes of 257 KiB": (with_field("attributes", json.dumps({"a": "x" * 257 * 1024})), 422),
    "array as attributes": (with_field("attributes", "[]"), 422),
    "currency of four letters": (with_field("currency", '"USDT"'), 422),
    "unknown field": (with_field("colour", "null"), 422),
    "no user_id": (without("user_id"), 422),
    "no item_ids": (without("item_ids"), 422),
    "no total_amount": (without("total_amount"), 422),
    "slash in order_id": (with_field("order_id", '"a/b"'), 422),
    "dots as order_id": (with_field("order_id", '".."'), 422),
    "empty body": (post(b""), 400),
    "empty object": (post(b"{}"), 422),
    "array": (post(b"[" + GOOD + b"]"), 422),
    "cut short": (post(GOOD[:-1]), 400),
    "garbage behind": (post(GOOD + b"x"), 400),
    "form": (post(b"a=b", content_type="application/x-www-form-urlencoded"), 415),
    "no type": (post(GOOD, content_type=None), 415),
    "another charset": (post(GOOD, content_type="application/json; charset=latin-1"), 415),
    "gzip": (post(b"\x1f\x8b" + GOOD, "Content-Encoding: gzip"), 415),
    "identity": (post(GOOD, "Content-Encoding: identity"), 415),
    "body of 1 MiB and a byte": (post(GOOD.ljust(2**20 + 1)), 413),
    "body announced of 5 GiB": (head("POST /orders", f"Content-Type: {JSON}", length=5 * 2**30), 413),
    "endless chunks": (
        head("POST /orders", f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
        + (b"100000\r\n" + b" " * 2**20 + b"\r\n") * 6,
        413,
    ),
    "key of 256 characters": (post(GOOD, "Idempotency-Key: " + "k" * 256), 400),
    "key in Latin-1": (post(GOOD, "Idempotency-Key: cl\xe9"), 400),
    "only text/html is accepted": (post(GOOD, "Accept: text/html"), 406),
    "DELETE": (head("DELETE /orders/x"), 405),
    "PUT": (head("PUT /orders/x", length=0), 405),
    "TRACE": (head("TRACE /metrics"), 405),
    "unknown method": (head("BREW /orders"), 405),
    "unknown method that begins as a known one": (head("GETS /orders"), 405),
    "method in lower case": (head("get /orders/x"), 405),
    "unknown method with a body": (head("BREW /orders", f"Content-Type: {JSON}", length=2) + b"{}", 405),
    "NUL in the path": (head("GET /orders/%00"), 404),
    "invalid UTF-8 in the path": (head("GET /orders/%FF"), 404),
    "slash in the path": (head("POST /orders/x%2Fcancel", length=0), 404),
    "line feed in the path": (head("GET /orders%0A"), 404),
    "dots in the path": (head("GET /../../etc/passwd"), 404),
    "absolute form of another host": (head("GET http://elsewhere/orders/x"), 404),
    "id of 8,000 characters in the path": (head("GET /orders/" + "x" * 8_000), 404),
    "NUL in the query": (head("GET /orders?user_id=%00"), 422),
    "invalid UTF-8 in the query": (head("GET /orders?user_id=%FF"), 422),
    "forged cursor": (head("GET /orders?cursor=W251bGwsMV0"), 422),
    "no tag": (head("POST /orders/x/cancel", "If-Match: x", length=0), 400),
    "batch that is no array": (post(GOOD, path="/orders/batch"), 422),
    "batch with a key": (post(b"[]", "Idempotency-Key: k", path="/orders/batch"), 400),
}
"""What is sent, and the status that it gets."""


CHUNKS = head("POST /orders", f"Content-Type: {JSON}", "Transfer-Encoding: chunked")


def raw(*lines: str) -> bytes:
    """Return a head of these lines, as they are."""
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


def lengths(*values: str) -> bytes:
    """Return a POST with these lengths, and a body of five bytes."""
    return head("POST /orders", f"Content-Type: {JSON}", *(f"Content-Length: {value}" for value in values)) + b"hello"


def encoded(*values: str) -> bytes:
    """Return a POST with these transfer encodings, and an empty body in chunks."""
    encodings = (f"Transfer-Encoding: {value}" for value in values)
    return head("POST /orders", f"Content-Type: {JSON}", *encodings) + b"0\r\n\r\n"


BROKEN: dict[str, tuple[bytes, int]] = {
    "bytes beyond ASCII in the path": (head(b"GET /orders/\xe9"), 400),
    "bytes beyond ASCII in the query": (head(b"GET /orders?user_id=\xe9"), 400),
    "NUL in the request line": (head(b"GET /orders/\0"), 400),
    "method of 25 letters": (head("B" * 25 + " /orders"), 400),
    "unknown method of another version": (raw("BREW /orders HTTP/2.0", "Host: shop"), 400),
    "unknown method without a target": (raw("BREW HTTP/1.1", "Host: shop"), 400),
    "method of letters beyond ASCII": (raw("GÉT /orders HTTP/1.1", "Host: shop"), 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no version": (b"GET /orders/x\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /orders/x HTTP/0.9\r\n\r\n", 400),
    "HTTP/1.2": (raw("GET /orders/x HTTP/1.2", "Host: shop"), 400),
    "HTTP/2.0": (raw("GET /orders/x HTTP/2.0", "Host: shop"), 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "version in lower case": (raw("GET /orders/x http/1.1", "Host: shop"), 400),
    "RTSP": (raw("DESCRIBE rtsp://shop/orders RTSP/1.0"), 400),
    "tab in the request line": (raw("GET\t/orders/x HTTP/1.1", "Host: shop"), 400),
    "no host": (raw("GET /orders/x HTTP/1.1"), 400),
    "two hosts": (head("GET /orders/x", "Host: shop"), 400),
    "two hosts in HTTP/1.0": (raw("GET /orders/x HTTP/1.0", "Host: shop", "Host: shop"), 400),
    "two hosts in one field": (raw("GET /orders/x HTTP/1.1", "Host: shop, shop"), 400),
    "host with a path": (raw("GET /orders/x HTTP/1.1", "Host: shop/orders"), 400),
    "host with a user": (raw("GET /orders/x HTTP/1.1", "Host: user@shop"), 400),
    "host with a port of letters": (raw("GET /orders/x HTTP/1.1", "Host: shop:http"), 400),
    "fragment": (head("GET /orders/x#part"), 400),
    "another scheme": (head("GET ftp://shop/orders/x"), 400),
    "a user in the target": (head("GET http://user@shop/orders/x"), 400),
    "no authority": (head("GET http:///orders/x"), 400),
    "no path": (head("GET orders/x"), 400),
    "asterisk": (head("GET *"), 400),
    "connect": (head("CONNECT shop:443"), 400),
    "two lengths": (lengths("5", "6"), 400),
    "one length twice": (lengths("5", "5"), 400),
    "two lengths in one field": (lengths("5, 5"), 400),
    "negative length": (lengths("-1"), 400),
    "length with a plus": (lengths("+5"), 400),
    "length in hexadecimal": (lengths("0x5"), 400),
    "length of 30 digits": (lengths("9" * 30), 400),
    "empty length": (lengths(""), 400),
    "length and chunks": (head("POST /orders", "Transfer-Encoding: chunked", length=5) + b"0\r\n\r\n", 400),
    "chunks and length": (head("POST /orders", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (raw("POST /orders HTTP/1.0", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "gzip as transfer encoding": (encoded("gzip"), 400),
    "gzip in chunks": (encoded("gzip, chunked"), 400),
    "identity as transfer encoding": (encoded("identity"), 400),
    "chunked twice": (encoded("chunked, chunked"), 400),
    "chunked in two fields": (encoded("chunked", "chunked"), 400),
    "something like chunked": (encoded("xchunked"), 400),
    "chunk of no size": (CHUNKS + b"x\r\n", 400),
    "chunk of a negative size": (CHUNKS + b"-5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk of a huge size": (CHUNKS + b"f" * 17 + b"\r\n", 400),
    "chunk longer than its size": (CHUNKS + b"5\r\nhello!\r\n0\r\n\r\n", 400),
    "chunk without an end of line": (CHUNKS + b"5\r\nhello0\r\n\r\n", 400),
    "chunks with line feeds alone": (CHUNKS + b"5\nhello\n0\n\n", 400),
    "NUL in an extension of a chunk": (CHUNKS + b"5;\0\r\nhello\r\n0\r\n\r\n", 400),
    "line feeds alone": (b"GET /orders/x HTTP/1.1\nHost: shop\n\n", 400),
    "line feed alone after a field": (b"GET /orders/x HTTP/1.1\r\nHost: shop\nX: y\r\n\r\n", 400),
    "carriage return alone in a field": (head("GET /orders/x", "X: a\rY: b"), 400),
    "folded field": (head("GET /orders/x", "X: a", " b"), 400),
    "NUL in a field": (head("GET /orders/x", "X: a\0b"), 400),
    "control character in a field": (head("GET /orders/x", "X: a\x01b"), 400),
    "DEL in a field": (head("GET /orders/x", "X: a\x7fb"), 400),
    "field without a name": (head("GET /orders/x", ": x"), 400),
    "space before the colon": (head("GET /orders/x", "X : y"), 400),
    "field without a colon": (head("GET /orders/x", "X"), 400),
    "request line of 8 KiB and a byte": (head("GET /" + "x" * (8192 + 1 - len("GET / HTTP/1.1"))), 414),
    "request line without an end": (b"GET /" + b"x" * 100_000, 414),
    "201 fields": (head("GET /orders/x", *(f"X-{number}: y" for number in range(200))), 431),
    "header of more than 64 KiB": (head("GET /orders/x", *(f"X-{number}: {'y' * 8000}" for number in range(9))), 431),
    "field without an end": (b"GET /orders/x HTTP/1.1\r\nHost: shop\r\nX: " + b"y" * 1_000_000, 431),
}
"""Malformed requests (RFC 9112) and heads over a limit. Each is refused, and the connection is closed."""
