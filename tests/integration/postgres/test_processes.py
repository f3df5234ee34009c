"""The command that brings a schema up to date, as a process."""

from __future__ import annotations

from pathlib import Path

from tests.integration.crash_rounds import fresh_seed
from tests.integration.postgres.support import server_url
from tests.integration.service import run_command


async def test_the_command_tells_what_a_schema_lacks_and_brings_it_up_to_date(tmp_path: Path) -> None:
    """First what would be applied, then that it was, then that there is nothing left to do."""
    flags = ("--database-url", f"{server_url()}?schema=test_command_{fresh_seed()}")
    words = [run_command(tmp_path, "migrate", *flags, *more).stdout for more in (["--dry-run"], [], ["--dry-run"])]
    assert words[0].startswith("would apply 0001 ")
    assert words[1] == words[0].replace("would apply", "applied")
    assert words[2] == "up to date\n"
