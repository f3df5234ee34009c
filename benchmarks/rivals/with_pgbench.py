"""The floor: pgbench with one INSERT of one row a transaction, the least that keeping an order can be."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

CREATE: Final = """
CREATE TABLE orders (order_id text PRIMARY KEY, user_id text NOT NULL, item_ids text[] NOT NULL,
    total_amount numeric NOT NULL, status text NOT NULL DEFAULT 'Pending',
    created_at timestamptz NOT NULL DEFAULT now())
"""
SCRIPT: Final = r"""
\set number random(1, 1000000000000000)
\set amount random(0, 499)
INSERT INTO orders (order_id, user_id, item_ids, total_amount)
VALUES ('order-' || :number::bigint, 'user-' || :amount::int, '{85123A,71053,84406B}', :amount::int + 0.50);
"""
CLIENTS: Final = 64
THREADS: Final = 2
RATE: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def inserts_per_second(url: str, seconds: int) -> float:
    """Return the transactions per second of so many clients on prepared statements."""
    asyncio.run(_create(url))
    program = shutil.which("pgbench")
    if program is None:
        message = "pgbench is not on the PATH: install the package postgresql-contrib or postgresql."
        raise FileNotFoundError(message)
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(SCRIPT)
        load = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds), "-f", str(script)]
        place = ["-h", parts.hostname or "", "-p", str(parts.port or 5432), "-U", parts.username or "postgres"]
        command = [program, *load, *place, parts.path.lstrip("/")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words
    found = RATE.search(done.stdout)
    assert found is not None, done.stdout  # noqa: S101 - it always says so
    return float(found[1])


async def _create(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(CREATE)
    finally:
        await connection.close()
