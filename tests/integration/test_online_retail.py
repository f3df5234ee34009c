"""The example, run as a user runs it, on two months of a real shop's orders."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_orders import ROOT, data_file

FILES = ("online_retail_2010-12.jsonl.gz", "online_retail_2011-01.jsonl.gz")


def run_example(data: Path) -> subprocess.CompletedProcess[str]:
    """Run the example on a data file, in a process of its own."""
    command = [sys.executable, "-m", "examples.online_retail", str(data)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own example


@pytest.mark.parametrize("name", FILES)
def test_every_order_of_a_real_month_completes_and_the_totals_are_exact(name: str) -> None:
    """All orders are placed and processed; counts, sums, users, items and digests equal the expected ones."""
    ended = run_example(data_file(name))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "All figures agree." in ended.stdout
    assert "differs" not in ended.stdout
    expected = json.loads(data_file(name.replace(".jsonl.gz", ".expected.json")).read_text(encoding="utf-8"))
    orders = expected["by_kind"]["order"]
    assert f"{orders['records']} orders placed and processed" in ended.stdout
    assert f"Completed {orders['records']}, Failed 0" in ended.stdout
    assert orders["sum_total_amount"] in ended.stdout


def test_a_penny_too_much_is_noticed(tmp_path: Path) -> None:
    """One changed total is not processed as if nothing were wrong: the order fails and the figures differ."""
    name = FILES[0]
    lines = gzip.decompress(data_file(name).read_bytes()).decode().splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps(first | {"total_amount": "139.13"})
    changed = tmp_path / name
    changed.write_bytes(gzip.compress("\n".join(lines).encode()))
    expected = name.replace(".jsonl.gz", ".expected.json")
    (tmp_path / expected).write_bytes(data_file(expected).read_bytes())
    ended = run_example(changed)
    assert ended.returncode == 1
    assert "Completed 1628, Failed 1" in ended.stdout
    assert "differs" in ended.stdout


def test_a_file_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    """A missing or unreadable file ends with exit code 1 and one line, without a traceback."""
    (tmp_path / "broken.jsonl").write_text('{"order_id": ')
    for path in (tmp_path / "missing.jsonl", tmp_path / "broken.jsonl"):
        ended = run_example(path)
        assert ended.returncode == 1
        assert len(ended.stderr.strip().splitlines()) == 1
