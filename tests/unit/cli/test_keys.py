"""`keys add`, `keys list` and `keys revoke`: the key is shown once, alone, and is nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.shop import one_line, run

KEY = re.compile(r"oe_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n")


def add(name: str = "shop", scopes: str = "read,write") -> str:
    """Make a key."""
    result = run("keys", "add", "--file", "keys.json", "--name", name, "--scopes", scopes)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_key_is_all_that_is_printed(folder: Path) -> None:
    """So that `KEY=$(order-engine keys add …)` is the key; no file has it."""
    key = add()
    assert KEY.fullmatch(key)
    assert all(key.strip() not in path.read_text() for path in folder.iterdir())


def test_the_list_tells_whose_they_are() -> None:
    """And what they open, in a table or as JSON, but never a key or its hash."""
    add()
    key = add("boss", "admin").strip()
    lines = run("keys", "list", "--file", "keys.json").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["NAME", "SCOPES"], ["shop", "read,write"], ["boss", "admin"]]
    result = run("keys", "list", "--file", "keys.json", "--json")
    document = json.loads(result.stdout)
    assert [set(entry) for entry in document["keys"]] == [{"name", "scopes", "created_at", "id"}] * 2
    assert key not in result.stdout


def test_a_key_is_revoked_by_its_name() -> None:
    """Once; after that there is none of that name."""
    add()
    assert run("keys", "revoke", "--file", "keys.json", "--name", "shop").exit_code == 0
    again = run("keys", "revoke", "--file", "keys.json", "--name", "shop")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "No key named 'shop'" in one_line(again)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["add", "--file", "k", "--name", "a b", "--scopes", "read"], 2, "Invalid key name 'a b'"),
        (["add", "--file", "k", "--name", "a", "--scopes", "reed"], 2, "Unknown scope 'reed'"),
        (["add", "--name", "a", "--scopes", "read"], 2, "Missing option '--file'"),
        (["add", "--file", "no/where", "--name", "a", "--scopes", "read"], 1, "No such file or directory"),
        (["add", "--file", ".", "--name", "a", "--scopes", "read"], 1, "."),
        (["list", "--file", "k"], 1, "Create it with `order-engine keys add"),
        (["revoke", "--file", "k", "--name", "a"], 1, "Create it with `order-engine keys add"),
    ],
    ids=str,
)
def test_what_goes_wrong_is_one_line(arguments: list[str], exit_code: int, sentence: str, folder: Path) -> None:
    """2 for wrong usage, 1 for an error of the environment; nothing is written."""
    result = run("keys", *arguments)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert sentence in one_line(result)
    assert not (folder / "k").exists()


def test_a_broken_file_is_not_written_over(folder: Path) -> None:
    """What is in it may be wanted."""
    (folder / "keys.json").write_text("{half")
    result = run("keys", "add", "--file", "keys.json", "--name", "a", "--scopes", "read")
    assert result.exit_code == 1
    assert "Invalid API key file" in one_line(result)
    assert (folder / "keys.json").read_text() == "{half"
