"""The memory of pages: four clients at once list orders of 910 KB each, a thousand to a page.

    python -m benchmarks.page_memory [orders]

It prints the growth of the process's memory over what it took before the pages.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Message

from order_engine import NewOrder
from order_engine_adapters import open_engine
from order_engine_adapters.http import create_app

CLIENTS: Final = 4
ITEMS: Final = 9_000
KIBIBYTES_PER_MEBIBYTE: Final = 1024


async def _get(app: ASGIApp, query: bytes) -> int:
    """Read an answer as it comes; return how many bytes it had."""
    received = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal received
        received += len(message.get("body", b""))
        await asyncio.sleep(0)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/orders", "raw_path": b"/orders", "query_string": query, "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return received


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_MEBIBYTE


async def main(orders: int) -> None:
    """Place the orders, then list them."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'orders.db'}"
        async with open_engine(url, processor=None) as engine:
            for number in range(orders):
                items = [f"{number}-{item}-" + "x" * 85 for item in range(ITEMS)]
                await engine.place(
                    NewOrder(order_id=f"order-{number}", user_id="user-1", item_ids=items, total_amount=1)
                )
        async with open_engine(url, processor=None) as engine:
            app = create_app(engine)
            before = _peak_mebibytes()
            sizes = await asyncio.gather(*(_get(app, b"limit=1000") for _ in range(CLIENTS)))
            answer = max(sizes) / KIBIBYTES_PER_MEBIBYTE / KIBIBYTES_PER_MEBIBYTE
            print(f"{CLIENTS} pages of up to {answer:.1f} MiB took {_peak_mebibytes() - before:.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 100))
