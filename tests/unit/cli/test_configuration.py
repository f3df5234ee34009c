"""`config show`: every setting, its value and its source."""

from __future__ import annotations

import json
from pathlib import Path

from order_engine.domain.setting import settings_of
from order_engine_adapters.settings import Settings
from tests.unit.cli.shop import run

SECRET = "hunter2"  # noqa: S105 - not a password of anything


def test_every_setting_with_its_value_and_its_origin(folder: Path) -> None:
    """For machines, with the types that JSON has."""
    (folder / ".env").write_text("ORDER_ENGINE_THREADS=5\nORDER_ENGINE_PORT=5\n")
    result = run("config", "show", "--json", "--concurrency", "7", "--allow-anonymous", ORDER_ENGINE_PORT="6")
    settings = {each["name"]: (each["value"], each["source"]) for each in json.loads(result.stdout)["settings"]}
    assert list(settings) == list(settings_of(Settings))
    assert settings["concurrency"] == (7, "flag")
    assert settings["allow_anonymous"] == (True, "flag")
    assert settings["port"] == (6, "environment")
    assert settings["threads"] == (5, ".env")
    assert settings["lease_seconds"] == (30, "default")
    assert settings["queue_url"] == (None, "default")
    assert settings["max_total_amount"] == ("1000000000000000", "default")


def test_a_table_for_people() -> None:
    """One line a setting."""
    lines = run("config", "show", "--concurrency", "7").stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert len(lines) == 1 + len(settings_of(Settings))
    assert ["concurrency", "7", "flag"] in [line.split() for line in lines]
    assert ["allow_anonymous", "false", "default"] in [line.split() for line in lines]
    assert ["queue_url", "-", "default"] in [line.split() for line in lines]


def test_no_secret_is_shown() -> None:
    """Neither the key nor a password in a URL, in neither form."""
    for form in [[], ["--json"]]:
        result = run(
            *("config", "show", *form),
            *("--database-url", f"postgresql://user:{SECRET}@host/db", "--queue-url", f"nats://h?password={SECRET}"),
            ORDER_ENGINE_API_KEY=SECRET,
        )
        assert result.exit_code == 0
        assert SECRET not in result.output
        assert "postgresql://user:***@host/db" in result.stdout
