"""Hostile requests by the thousand: `python -m tests.integration.hostile_load --requests 100000`.

Each is a good or a hostile request that is cut, spliced or bent at places that a seed decides, whole connections of
them. Nothing of it may hang, be answered with a 5xx, or be stored where it was refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from tests.integration.attacked import Target, attacked
from tests.integration.hostile_requests import BROKEN, CHUNKS, GOOD, HOSTILE, head, post, with_field

ANSWER: re.Pattern[bytes] = re.compile(rb"HTTP/1\.1 (\d{3}) ")
AT_ONCE = 32
SECONDS = 30.0
ID, NO_ID = b'"order_id":"x"', b'"order_id":"00000000"'
LONGEST = 20_000
"""The longest request that is bent: the larger ones say nothing more, and take their time."""
PIECES = (
    b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b";", b",", b'"', b"%00", b"%2f", b"\xff", b"\xe2\x80\xae", b"0",
    b"-1", b"1e999", b"null", b"[" * 50, b'{"a":' * 50, b"\\u0000", b"\\ud800", b"HTTP/1.1", b"HTTP/2.0",
    b"Host: x\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n",
    b'If-Match: "1"\r\n', b"Idempotency-Key: k\r\n", b"X: " + b"y" * 9000 + b"\r\n", b"OPTIONS", b"HEAD", b"DELETE",
)  # fmt: skip
PATHS = (
    "/orders", "/orders/x", "/orders/x/status", "/orders/x/history", "/orders?limit=1", "/orders?status=Failed",
    "/metrics", "/livez", "/readyz", "/orders/x/cancel", "/nowhere", "*", "http://shop/orders",
)  # fmt: skip


@dataclass
class Findings:
    """What came of it."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    refused: dict[str, bytes] = field(default_factory=dict)
    """What was sent on connections where nothing was accepted, by the id of the orders in it."""
    wrong: list[tuple[str, bytes]] = field(default_factory=list)


def _sources() -> Sequence[bytes]:
    known = [request for request, _ in (*HOSTILE.values(), *BROKEN.values())]
    reads = [head(f"{method} {path}") for path in PATHS for method in ("GET", "HEAD", "OPTIONS", "DELETE")]
    acts = [post(b"", path="/orders/x/cancel"), post(b"[" + GOOD + b"]", path="/orders/batch")]
    chunked = CHUNKS + b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    sources = (*known, *reads, *acts, chunked, *[post(GOOD)] * 20)
    return [_with_room_for_an_id(each) for each in sources if len(each) <= LONGEST]


def _with_room_for_an_id(request: bytes) -> bytes:
    """Return a request in which each order has a unique id of constant length."""
    top, blank_line, body = request.partition(b"\r\n\r\n")
    longer = body.replace(ID, NO_ID)
    for length in (b"Content-Length: %d", b"\r\n%x\r\n"):
        top = top.replace(length % len(body), length % len(longer))
    if CHUNKS.startswith(top):
        longer = longer.replace(b"%x\r\n" % len(GOOD), b"%x\r\n" % (len(GOOD) + len(NO_ID) - len(ID)), 1)
    return top + blank_line + longer


def bent(request: bytes, chance: random.Random) -> bytes:
    """Return a request with something wrong with it, or nothing."""
    ways: Sequence[Callable[[bytes, int], bytes]] = (
        lambda given, _: given,
        lambda given, at: given[:at] + chance.choice(PIECES) + given[at:],
        lambda given, at: given[:at] + given[at + chance.randrange(1, 9) :],
        lambda given, at: given[:at],
        lambda given, at: given[:at] + bytes([chance.randrange(256)]) + given[at + 1 :],
        lambda given, at: given[at:] + given[:at],
        lambda given, at: given[:at] + given,
    )
    for _ in range(chance.randrange(3)):
        request = chance.choice(ways)(request, chance.randrange(len(request) + 1))
    return request


async def attack(target: Target, requests: int, seed: int) -> Findings:
    """Send so many requests, some on one connection; return what was answered."""
    findings, chance, sources = Findings(), random.Random(seed), _sources()  # noqa: S311 - the seed is shown

    async def talk() -> None:
        while findings.requests < requests:
            several = [bent(chance.choice(sources), chance) for _ in range(chance.choice((1, 1, 2, 5)))]
            # Numbers in a row would be bent into one another.
            name = f"{crc32(b'%d' % findings.requests):08x}"
            findings.requests += len(several)
            sent = b"".join(several).replace(b"00000000", name.encode())
            if await _accepts_nothing(target, sent, findings, cut=chance.randrange(1, 2000)):
                findings.refused[name] = sent

    await asyncio.gather(*(talk() for _ in range(AT_ONCE)))
    return findings


async def _accepts_nothing(target: Target, sent: bytes, findings: Findings, cut: int) -> bool:
    """Send it. Return whether there were responses and all of them were errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(sent[:cut])
            await asyncio.sleep(0)
            writer.write(sent[cut:])
            writer.write_eof()
            received = await reader.read()
    except TimeoutError:
        findings.wrong.append(("no end", sent))
        return False
    except ConnectionError:
        # The server may end a connection on which there is still something to read.
        return False
    finally:
        writer.transport.abort()
    statuses = [int(each) for each in ANSWER.findall(received)]
    findings.statuses.update(statuses)
    if any(status >= 500 and status != 503 for status in statuses):
        findings.wrong.append(("5xx", sent))
    if not statuses:
        findings.statuses[0] += 1
    return bool(statuses) and all(status >= 400 for status in statuses)


async def _stored(target: Target, findings: Findings) -> Sequence[str]:
    """Return the ids of refused orders that are stored all the same."""
    names: set[str] = set()
    path: str | None = "/orders?limit=1000"
    while path is not None:
        page = json.loads((await target.send(head(f"GET {path}"))).body)
        names |= {order["order_id"] for order in page["orders"]}
        path = page["next"] and f"/orders?limit=1000&cursor={page['next']}"
    return sorted(names & findings.refused.keys())


async def run(requests: int, seed: int) -> Findings:
    """Attack a server of its own, and check that what it stored are orders that it accepted, and that it lives on."""
    async with attacked() as target:
        findings = await attack(target, requests, seed)
        findings.wrong += [
            (f"order {each} was refused and stored", findings.refused[each]) for each in await _stored(target, findings)
        ]
        alive = await target.send(with_field("user_id", '"u"', order_id=b'"afterwards"'))
        if alive.status != 201:
            findings.wrong.append((f"an honest order got {alive.status}", b""))
    return findings


def main() -> None:
    """Attack, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    findings = asyncio.run(run(options.requests, options.seed))
    print(f"{findings.requests:,} requests in {time.monotonic() - began:.0f} s, seed {options.seed}")  # noqa: T201
    print(f"answers by status (0: none): {dict(sorted(findings.statuses.items()))}")  # noqa: T201 - its report
    for what, sent in findings.wrong[:10]:
        print(f"WRONG: {what}: {sent[:500]!r}")  # noqa: T201 - likewise
    raise SystemExit(1 if findings.wrong else 0)


if __name__ == "__main__":
    main()
