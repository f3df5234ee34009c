"""The command that brings a schema up to date, as a process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from order_engine_adapters.postgres.connection.target import Target, connect, parse, within
from order_engine_adapters.postgres.schema.migrations import APPLIED, migrate_target, shipped
from tests.integration.crash_rounds import fresh_seed
from tests.integration.postgres.support import execute, new_schema, server_url
from tests.integration.service import expect_one_line, run_command

COMMANDS = (
    ("orders", "list"),
    ("orders", "redrive", "order"),
    ("import", "orders.jsonl"),
    ("serve", "--port", "0", "--no-migrate"),
)


async def test_the_command_tells_what_a_schema_lacks_and_brings_it_up_to_date(tmp_path: Path) -> None:
    """First what would be applied, then that it was, then that there is nothing left to do."""
    flags = ("--database-url", f"{server_url()}?schema=test_command_{fresh_seed()}")
    words = [run_command(tmp_path, "migrate", *flags, *more).stdout for more in (["--dry-run"], [], ["--dry-run"])]
    assert words[0].startswith("would apply 0001 ")
    assert words[1] == words[0].replace("would apply", "applied")
    assert words[2] == "up to date\n"


@pytest.mark.parametrize("known", [0, 1], ids=["no schema", "an older schema"])
async def test_no_other_command_makes_or_changes_a_schema(tmp_path: Path, known: int) -> None:
    """Each command reports the remedy and changes nothing; so does a start with `--no-migrate`."""
    target = replace(parse(server_url()), schema=f"test_command_{fresh_seed()}")
    if known:
        await migrate_target(target, shipped()[:known])
    (tmp_path / "orders.jsonl").write_text("{}\n", encoding="utf-8")
    before = await _schema(target)
    for command in COMMANDS:
        flags = ("--database-url", f"{server_url()}?schema={target.schema}")
        ended = run_command(tmp_path, *command, *flags, seconds=120)
        assert ended.returncode == 1, ended
        expect_one_line(ended.stderr, target.schema, "order-engine migrate")
    assert await _schema(target) == before


async def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A user who may only read can list orders and see the metrics."""
    target = await new_schema()
    reader = f"reader_{fresh_seed()}"
    await execute(
        target,
        f"CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA {{schema}} TO {reader};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {{schema}} TO {reader}",
    )
    url = server_url().replace("postgres@", f"{reader}@")
    for command in (("orders", "list"), ("metrics",)):
        ended = run_command(tmp_path, *command, "--database-url", f"{url}?schema={target.schema}", seconds=120)
        assert ended.returncode == 0, ended


async def _schema(target: Target) -> object:
    """Return the tables of a schema and its recorded migrations."""
    connection = await connect(target)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", target.schema)
        recorded = await connection.fetch(within(APPLIED, target.schema)) if tables else []
        return sorted(map(str, tables)), list(map(str, recorded))
    finally:
        connection.terminate()
