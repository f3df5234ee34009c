"""Follows a stream with aiohttp-sse-client: it goes on by itself where a stream has ended whole, and nowhere else."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession, ClientTimeout
from aiohttp_sse_client.client import EventSource

from tests.integration.event_clients.in_python.told import PAUSE_SECONDS, tell


async def follow(url: str) -> None:
    """Reconnect after every error."""
    last_id = ""
    async with ClientSession(timeout=ClientTimeout(total=None)) as session:
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                async with EventSource(url, session=session, headers=headers) as source:
                    async for event in source:
                        tell(event.type, event.last_event_id, event.data)
                        last_id = event.last_event_id
            except (ClientConnectionError, ClientPayloadError):
                await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
