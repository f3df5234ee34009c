"""`import` straight into a repository: each order once, however often it runs, and every line accounted for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from order_engine import Overloaded, Unavailable
from order_engine.application.engine import OrderEngine
from order_engine_adapters.cli.importing.importer import Importer
from tests.unit.cli.shop import DATABASE, one_line, order, run, write_orders

INTO = ("--database-url", DATABASE)


def total() -> int:
    """Return the orders that there are."""
    counted: int = json.loads(run("metrics", "--json", *INTO).stdout)["total_orders"]
    return counted


def refused(path: Path) -> list[dict[str, Any]]:
    """Return the refused lines of a file."""
    return [json.loads(line) for line in path.with_name(f"{path.name}.refused.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("packed", [False, True])
def test_the_orders_of_a_file_are_placed_once(folder: Path, *, packed: bool) -> None:
    """Packed or not, whatever its name; a second run finds them there."""
    path = write_orders(folder / "orders.data", [order(1), b"", order(2), b" \t\r", order(3)], packed=packed)
    result = run("import", str(path), *INTO)
    assert (result.exit_code, result.output) == (0, "imported 3 orders (3 new, 0 already there), 0 refused\n")
    assert run("import", str(path), *INTO).output == "imported 3 orders (0 new, 3 already there), 0 refused\n"
    assert total() == 3
    assert not list(folder.glob("*refused*"))


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b'{"order_id":"1","user_id":"u","item_ids":["i"],"total_amount":1}\r\n', None],
    ids=["empty", "blank", "one order", "packed empty"],
)
def test_small_files(folder: Path, content: bytes | None) -> None:
    """No order is fine; a last line needs no end, and may have that of Windows."""
    path = folder / "small.jsonl"
    path.write_bytes(gzip.compress(b"") if content is None else content.rstrip(b"\n"))
    result = run("import", str(path), *INTO)
    assert result.exit_code == 0
    assert result.stdout.startswith("imported 1 order (" if content and b"{" in content else "imported 0 orders (")


def test_lines_that_are_refused_are_kept_with_their_reason(folder: Path) -> None:
    """Exit code 3; the others are placed. The next run rewrites the file, or removes it if it is empty."""
    bad = [b"no json", b"\xff\xfe", order(1, total_amount="-1"), order(2, user_id="another"), b"[]", b'{"a":1,"a":2}']
    path = write_orders(folder / "orders.jsonl", [order(2), *bad, order(3)])
    for new, there in [(2, 0), (0, 2)]:
        result = run("import", str(path), *INTO)
        assert result.exit_code == 3
        counts = f"imported 2 orders ({new} new, {there} already there), 6 refused"
        assert result.output == f"{counts}; see {path}.refused.jsonl\n"
        lines = refused(path)
        assert [(line["line"], line["problem"]["status"]) for line in lines] == [
            (2, 400),
            (3, 400),
            (4, 422),
            (5, 409),
            (6, 422),
            (7, 400),
        ]
        assert [line["text"] for line in lines][:2] == ["no json", r"\xff\xfe"]
        assert json.loads(lines[2]["text"]) == order(1, total_amount="-1")
        assert lines[2]["problem"]["errors"][0]["pointer"] == "/total_amount"
    write_orders(path, [order(2)])
    assert run("import", str(path), *INTO).exit_code == 0
    assert [each.name for each in folder.glob("orders.jsonl*")] == ["orders.jsonl"]


def test_orders_without_an_id_are_not_doubled(folder: Path) -> None:
    """Packed or not, a second run over the same content finds them; equal lines of one file are two orders."""
    nameless = order(1, order_id=None)
    lines = [nameless, order(2), {**nameless, "order_id": None}, nameless, order(9, order_id=None, total_amount="-1")]
    for name, packed, outcome in [("a", False, "4 new, 0"), ("b", True, "0 new, 4"), ("a", False, "0 new, 4")]:
        path = write_orders(folder / name, lines, packed=packed)
        result = run("import", str(path), *INTO)
        assert f"imported 4 orders ({outcome} already there), 1 refused" in result.stdout
    write_orders(folder / "a", [*lines, order(3)])
    assert "4 new, 1 already there" in run("import", str(folder / "a"), *INTO).stdout
    assert total() == 8


def test_a_line_over_the_limit_is_refused_alone(folder: Path) -> None:
    """Only its beginning is kept; a line of just the limit is placed."""
    fitting = json.dumps(order(1)).encode()
    long = json.dumps(order(2, attributes={"note": "x" * 200_000})).encode()
    path = write_orders(folder / "orders.jsonl", [fitting, long, order(3), fitting + b" "])
    result = run("import", str(path), *INTO, "--max-body-bytes", str(len(fitting)))
    assert "imported 2 orders (2 new, 0 already there), 2 refused" in result.stdout
    (too_long, other) = refused(path)
    assert (too_long["line"], too_long["problem"]["status"], other["line"]) == (2, 413, 4)
    assert long.decode().startswith(too_long["text"])
    assert len(too_long["text"]) <= 1024


def test_a_long_line_of_line_ends_is_one_line(folder: Path) -> None:
    """A carriage return ends no line, wherever it stands."""
    fitting = json.dumps(order(1)).encode()
    path = write_orders(folder / "orders.jsonl", [fitting + b"\r\r" + json.dumps(order(2)).encode(), order(3)])
    result = run("import", str(path), *INTO, "--max-body-bytes", str(len(fitting)))
    assert "imported 1 order (1 new, 0 already there), 1 refused" in result.stdout


@pytest.mark.parametrize("cut", [20, 200, -1, -5])
def test_a_packed_file_that_breaks_off_is_imported_as_far_as_it_goes(folder: Path, cut: int) -> None:
    """Exit code 1, and the message has the counts."""
    path = write_orders(folder / "orders.gz", [order(number, user_id=f"u{number * 7919}") for number in range(200)])
    whole = gzip.compress(path.read_bytes())
    path.write_bytes(whole[:cut])
    result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert "the gzip file is damaged after line" in one_line(result)
    assert f"Imported before the damage: {total()} order" in one_line(result)
    path.write_bytes(whole)
    assert run("import", str(path), *INTO).exit_code == 0
    assert total() == 200


def test_a_packed_file_with_other_bytes_in_it_is_an_error(folder: Path) -> None:
    """The checksum detects it."""
    path = write_orders(folder / "orders.gz", [order(number) for number in range(50)], packed=True)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert "damaged after line 50" in one_line(result)


def test_a_damaged_file_places_no_order_that_a_second_run_could_double(folder: Path) -> None:
    """The key of an order without an id needs the whole content, which is unknown."""
    path = write_orders(folder / "orders.gz", [order(1), order(2, order_id=None), order(3)], packed=True)
    path.write_bytes(path.read_bytes()[:-1])
    result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert "line 2 has no order_id, so a second run could duplicate it" in one_line(result)
    assert total() == 2


@pytest.mark.parametrize("name", ["absent.jsonl", ".", "absent/orders.jsonl"])
def test_a_file_that_is_not_there_is_one_line(folder: Path, name: str) -> None:
    """And no database is made."""
    result = run("import", name, *INTO)
    assert result.exit_code == 1
    assert one_line(result).startswith(f"{name}: ")
    assert list(folder.iterdir()) == []


def test_a_pipe_is_refused(folder: Path) -> None:
    """Its content could not be read twice, and would be gone when the import runs again."""
    path = folder / "device"
    path.symlink_to("/dev/null")
    assert "not a regular file" in one_line(run("import", str(path), *INTO))


def test_a_folder_that_cannot_be_written_is_an_error_before_anything_is_placed(folder: Path) -> None:
    """Refused lines could not be recorded."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    (folder / "orders.jsonl.refused.jsonl.part").mkdir()
    result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert "Cannot write the refused lines to" in one_line(result)
    assert not (folder / "orders.db").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_the_refused_lines_is_one_line(folder: Path) -> None:
    """And no half file stays under their name."""
    path = write_orders(folder / "orders.jsonl", [b"no json"] * 500)
    (folder / "orders.jsonl.refused.jsonl.part").symlink_to("/dev/full")
    result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert "No space left on device" in one_line(result)
    assert not list(folder.glob("*refused*"))


def test_trouble_that_passes_is_waited_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was not placed is placed again, and counted once."""
    path = write_orders(folder / "orders.jsonl", [order(number) for number in range(6)])
    place_many, calls = OrderEngine.place_many, []

    async def hindered(engine: OrderEngine, orders: Any) -> Any:  # noqa: ANN401 - as `place_many`
        calls.append([each.order_id for each in orders])
        outcomes = await place_many(engine, orders)
        if len(calls) == 1:
            outcomes[1], outcomes[3] = Unavailable("away"), Overloaded("full", 0.05)
        return outcomes

    monkeypatch.setattr(OrderEngine, "place_many", hindered)
    result = run("import", str(path), *INTO)
    assert (result.exit_code, result.stdout) == (0, "imported 6 orders (4 new, 2 already there), 0 refused\n")
    assert calls[1:] == [["order1", "order3"]]


def test_trouble_that_stays_ends_the_import(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time limit of a request, with what to do; refused lines of such a run are not kept."""
    path = write_orders(folder / "orders.jsonl", [b"no json", *(order(number) for number in range(6))])
    place_many = OrderEngine.place_many

    async def hindered(engine: OrderEngine, orders: Any) -> Any:  # noqa: ANN401 - as `place_many`
        outcomes = await place_many(engine, orders[:1])
        return [*outcomes, *(Unavailable("The database is away.") for _ in orders[1:])]

    with monkeypatch.context() as patch:
        patch.setattr(OrderEngine, "place_many", hindered)
        patch.setattr(Importer, "_wait", _impatient)
        result = run("import", str(path), *INTO)
    assert result.exit_code == 1
    assert one_line(result) == "away"
    with monkeypatch.context() as patch:
        patch.setattr(OrderEngine, "place_many", _never)
        result = run("import", str(path), *INTO, "--request-seconds", "0.2")
    assert result.exit_code == 1
    line = one_line(result)
    assert line.startswith("The database is away. Imported so far: 0 orders (0 new, 0 already there), 1 refused")
    assert line.endswith("Run the same command again to resume.")
    assert not list(folder.glob("*refused*"))
    assert "1 already there" in run("import", str(path), *INTO).stdout


def test_control_c_says_how_far_it_went(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves no half file."""
    path = write_orders(folder / "orders.jsonl", [order(1), b"no json"])
    carry = Importer.carry

    async def interrupted(carrier: Importer, chunk: Any) -> None:  # noqa: ANN401 - as `carry`
        await carry(carrier, chunk)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "carry", interrupted)
        result = run("import", str(path), *INTO)
    assert result.exit_code == 130
    assert one_line(result).startswith(
        "Interrupted. Imported so far: 1 order (1 new, 0 already there), 1 refused. Run the same"
    )
    assert not list(folder.glob("*refused*"))
    assert "(0 new, 1 already there), 1 refused" in run("import", str(path), *INTO).stdout


def test_a_repository_in_memory_is_no_place_for_an_import(folder: Path) -> None:
    """The orders would be gone at its end."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    result = run("import", str(path), "--database-url", "memory://")
    assert result.exit_code == 2
    assert "--url" in one_line(result)


async def _impatient(_: Importer, seconds: float, given_up_at: float, trouble: Exception) -> None:
    del seconds, given_up_at
    message = "away"
    raise Unavailable(message) from trouble


async def _never(_: OrderEngine, orders: Any) -> Any:  # noqa: ANN401 - as `place_many`
    return [Unavailable("The database is away.") for _ in orders]
