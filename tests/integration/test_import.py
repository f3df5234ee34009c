"""`order-engine import`: the December orders of a real shop, into a service and into a file, whole and exact."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.integration.conversation import Request, ask_all
from tests.integration.crash_rounds import fresh_seed
from tests.integration.inspection import body_of, inspect, listed_ids, wait_completed
from tests.integration.service import PROGRAM, clean_environment, run_command, serving
from tests.integration.wire_orders import december

URL = ("--database-url", "sqlite:///orders.db")
FILE = "december.jsonl"
KILLS = 3


def write_lines(folder: Path, orders: Sequence[object], name: str = FILE) -> Path:
    """Write orders as JSON lines."""
    path = folder / name
    path.write_text("".join(f"{json.dumps(order)}\n" for order in orders), encoding="utf-8")
    return path


async def expect_exactly(folder: Path, orders: Mapping[str, dict[str, Any]]) -> None:
    """Check that the file in `folder` holds these orders, no other, each equal to its last digit."""
    with serving(folder, "--processor", "none") as service:
        assert sorted(listed_ids(service.address)) == sorted(orders)
        answers = await ask_all(service.address, [Request("GET", f"/orders/{each}") for each in orders], connections=4)
        for (order_id, order), answer in zip(orders.items(), answers, strict=True):
            told = {name: value for name, value in _exact(answer.body).items() if name in order}
            assert told == _exact(json.dumps(order)), order_id
            assert (answer.json()["status"], answer.json()["version"]) == ("Pending", 1)


async def test_december_straight_into_a_file(tmp_path: Path) -> None:
    """Without a service the orders, packed by gzip, go into the file; a second run finds all of them there."""
    orders = december()
    path = write_lines(tmp_path, list(orders.values()))
    path.write_bytes(gzip.compress(path.read_bytes()))
    for said in (f"{len(orders)} new", f"{len(orders)} already there"):
        ended = run_command(tmp_path, "import", FILE, *URL)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert said in ended.stdout
    assert not _lists_of_refused(tmp_path)
    await expect_exactly(tmp_path, orders)


async def test_december_into_a_running_service(tmp_path: Path) -> None:
    """With a service on the file the orders go through it, and it completes all of them."""
    orders = december()
    write_lines(tmp_path, list(orders.values()))
    with serving(tmp_path, "--processor", "demo:0") as service:
        ended = run_command(tmp_path, "import", FILE, *URL)
        assert ended.returncode == 0, ended.stderr
        wait_completed(service.address, 30)
        posted = {order_id: json.dumps(order).encode() for order_id, order in orders.items()}
        findings = await inspect(service.address, posted)
        assert findings.orders == len(orders)


def test_into_a_service_by_its_address(tmp_path: Path) -> None:
    """`--url` names the service, wherever its orders are; no file appears where the import runs."""
    (tmp_path / "elsewhere").mkdir()
    write_lines(tmp_path, [json.loads(body_of(f"order-{number}")) for number in range(10)])
    with serving(tmp_path / "elsewhere", "--processor", "none") as service:
        ended = run_command(tmp_path, "import", FILE, "--url", service.address)
        assert ended.returncode == 0, ended.stderr
        assert sorted(listed_ids(service.address)) == [f"order-{number}" for number in range(10)]
    assert {each.name for each in tmp_path.iterdir()} == {"elsewhere", FILE}


@pytest.mark.parametrize("through", ["service", "file"])
async def test_a_killed_import_goes_on(tmp_path: Path, through: str) -> None:
    """Killed in the middle, again and again, and run once more, an import ends as if nothing had been."""
    random = Random(seed := fresh_seed())  # noqa: S311 - to be repeated, not to be secret
    orders = december()
    write_lines(tmp_path, list(orders.values()))
    moments = [random.uniform(0.3, 1.3) for _ in range(KILLS)]
    try:
        if through == "service":
            with serving(tmp_path, "--processor", "none"):
                _import_and_kill(tmp_path, moments)
        else:
            _import_and_kill(tmp_path, moments)
        await expect_exactly(tmp_path, orders)
    except BaseException as error:
        error.add_note(f"the seed was {seed}")
        raise


async def test_refused_lines(tmp_path: Path) -> None:
    """Lines that are no orders are left out: exit code 3, and FILE.refused.jsonl has each with its number and reason.

    All others are placed. A run over a corrected file removes the list.
    """
    good = {name: json.loads(body_of(name)) for name in ("one", "two", "three")}
    negative = good["one"] | {"order_id": "negative", "total_amount": "-1"}
    other = good["one"] | {"total_amount": "2.00"}
    path = write_lines(tmp_path, [good["one"], negative, good["two"], other, {"order_id": "bare"}, good["three"]])
    path.write_text(path.read_text(encoding="utf-8") + "no JSON\n\n", encoding="utf-8")
    ended = run_command(tmp_path, "import", FILE, *URL)
    assert ended.returncode == 3, ended
    assert "Traceback" not in ended.stderr
    refused = [json.loads(line) for line in (tmp_path / f"{FILE}.refused.jsonl").read_text("utf-8").splitlines()]
    assert {entry["line"]: entry["problem"]["status"] for entry in refused} == {2: 422, 4: 409, 5: 422, 7: 400}
    assert json.loads(refused[0]["text"]) == negative
    await expect_exactly(tmp_path, good)
    write_lines(tmp_path, list(good.values()))
    assert run_command(tmp_path, "import", FILE, *URL).returncode == 0
    assert not (tmp_path / f"{FILE}.refused.jsonl").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is exit code 1 and one line, and no database is made."""
    ended = run_command(tmp_path, "import", "missing.jsonl", *URL)
    assert ended.returncode == 1
    assert ended.stderr.strip().count("\n") == 0
    assert "missing.jsonl" in ended.stderr
    assert not (tmp_path / "orders.db").exists()


def _lists_of_refused(folder: Path) -> Sequence[Path]:
    return list(folder.glob("*.refused.jsonl*"))


def _import_and_kill(folder: Path, moments: Sequence[float]) -> None:
    command = [sys.executable, *PROGRAM, "import", FILE, *URL]
    for moment in moments:
        with subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=folder, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
    assert run_command(folder, "import", FILE, *URL).returncode == 0


def _exact(document: str) -> dict[str, Any]:
    """Read a JSON document with every number as the text that it is written as."""
    exact: dict[str, Any] = json.loads(document, parse_int=str, parse_float=str)
    return exact
