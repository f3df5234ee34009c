"""`order-engine simulate`: what it prints, how it ends, and that a seed can be had again."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result

from order_engine.simulation import Fault
from order_engine_adapters.wiring import simulation
from tests.unit.cli.shop import one_line, run
from tests.unit.simulation.planted_stores import LosesWhatItAcknowledged

PROCESSORS = """
import asyncio
from order_engine import Order

RUN = []

async def takes_its_time(order: Order) -> None:
    await asyncio.sleep(0.5)
    RUN.append(order.order_id)

def plain(order: Order) -> None:
    RUN.append(order.order_id)
"""


def simulate(*arguments: str) -> Result:
    """Run `order-engine simulate` on small simulations."""
    return run("simulate", "--orders", "50", *arguments)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the memory repository lose what it acknowledged."""
    monkeypatch.setattr(simulation, "MemoryRepository", LosesWhatItAcknowledged)


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a module of processors into the folder."""
    (folder / "simulated_shop.py").write_text(PROCESSORS, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    return folder


def test_a_clean_campaign_says_so() -> None:
    """Every class of fault with its count, and one line that sums up."""
    result = simulate("--seeds", "5")
    assert result.exit_code == 0
    for fault in Fault:
        assert str(fault) in result.output
    assert "5 seeds, " in result.output
    assert "no violations" in result.output
    assert "Faults not injected in these seeds: " in result.output


def test_the_document_has_exactly_these_fields() -> None:
    """For machines: each class of fault is there, also one that never struck."""
    result = simulate("--seeds", "3", "--json")
    assert result.exit_code == 0
    document = json.loads(result.output)
    assert list(document) == ["seeds", "orders", "violations", "faults", "cpu_seconds"]
    assert document["seeds"] == 3
    assert document["orders"] > 0
    assert document["violations"] == []
    assert list(document["faults"]) == [fault.name.lower() for fault in Fault]
    assert document["cpu_seconds"] > 0


@pytest.mark.usefixtures("broken")
def test_a_broken_promise_is_told() -> None:
    """Exit code 1, the violation, its story, and the command that shows it again."""
    result = simulate("--seeds", "20")
    assert result.exit_code == 1
    assert "\nSeed " in result.output
    assert "Parameters: " in result.output
    assert "was acknowledged" in result.output
    assert " add order-" in result.output
    assert "order-engine simulate --seed " in result.output


@pytest.mark.usefixtures("broken")
def test_a_broken_promise_is_in_the_document() -> None:
    """With its seed, by which it can be had again."""
    result = simulate("--seeds", "20", "--json")
    assert result.exit_code == 1
    [first, *_] = json.loads(result.output)["violations"]
    assert set(first) == {"seed", "promise", "what", "order_ids"}
    again = simulate("--seed", str(first["seed"]), "--json")
    assert again.exit_code == 1
    assert json.loads(again.output)["violations"][0] == first


@pytest.mark.usefixtures("broken")
def test_a_trace_of_a_broken_promise_ends_with_it() -> None:
    """Exit code 1 here too."""
    [first, *_] = json.loads(simulate("--seeds", "20", "--json").output)["violations"]
    result = simulate("--seed", str(first["seed"]), "--trace")
    assert result.exit_code == 1
    assert f"VIOLATION  {first['promise']}: {first['what']}" in result.output


def test_a_trace_is_the_same_twice() -> None:
    """Byte for byte, with the last line saying that nothing was wrong."""
    first, second = simulate("--seed", "3", "--trace"), simulate("--seed", "3", "--trace")
    assert first.exit_code == second.exit_code == 0
    assert first.stdout_bytes == second.stdout_bytes
    assert first.output.count("\n") > 20
    assert first.output.splitlines()[-1].startswith("Seed 3: ")


def test_seeds_begin_where_they_are_told_to() -> None:
    """Two halves are as much as the whole."""

    def orders(*arguments: str) -> int:
        return int(json.loads(simulate("--json", *arguments).output)["orders"])

    whole = orders("--seeds", "4")
    assert whole == orders("--seeds", "2") + orders("--seeds", "2", "--first-seed", "2")
    assert whole == sum(orders("--seed", str(seed)) for seed in range(4))


def test_it_ends_when_its_time_is_over() -> None:
    """After so many minutes, and after at least one seed."""
    began = time.monotonic()
    document = json.loads(simulate("--minutes", "0.01", "--json").output)
    assert document["seeds"] > 0
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("processor", ["takes_its_time", "plain"])
@pytest.mark.usefixtures("shop")
def test_a_processor_is_named_by_its_module(processor: str) -> None:
    """A coroutine function sleeps in virtual time; a plain function takes none."""
    result = simulate("--seeds", "3", "--processor", f"simulated_shop:{processor}")
    assert result.exit_code == 0, result.output
    assert sys.modules["simulated_shop"].RUN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trace"], "--trace requires --seed"),
        (["--seed", "1", "--seeds", "2"], "--seed cannot be combined"),
        (["--seed", "1", "--minutes", "2"], "--seed cannot be combined"),
        (["--seeds", "0"], "--seeds"),
        (["--minutes", "0"], "--minutes"),
        (["--seed", "-1"], "--seed"),
        (["--orders", "0"], "--orders"),
        (["--processor", "no_such_module:function"], "no_such_module"),
        (["--processor", "json"], "json"),
        (["--colour"], "--colour"),
    ],
)
def test_misuse_is_one_line(arguments: list[str], said: str) -> None:
    """Exit code 2, as everywhere."""
    result = run("simulate", *arguments)
    assert result.exit_code == 2
    assert said in one_line(result)


def real(*arguments: str) -> list[str]:
    """Return the command for a process of its own."""
    return [sys.executable, "-m", "order_engine_adapters.cli", "simulate", "--orders", "50", *arguments]


def test_without_a_terminal_there_is_no_progress_bar() -> None:
    """Nothing on standard error at all."""
    ended = subprocess.run(real("--seeds", "2"), capture_output=True, check=True, timeout=60)  # noqa: S603 - our own
    assert ended.stderr == b""


def test_on_a_terminal_there_is_a_progress_bar() -> None:
    """With how much was simulated so far; the document is not disturbed by it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(real("--seeds", "20", "--json"), stdout=subprocess.PIPE, stderr=theirs) as process:  # noqa: S603 - our own
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
        assert process.wait(timeout=60) == 0
    os.close(ours)
    assert b"orders, " in shown
    assert b"violations" in shown
    assert document["seeds"] == 20


def test_control_c_ends_it() -> None:
    """After the seed that it is at, without a traceback."""
    with subprocess.Popen(  # noqa: S603 - our own
        real("--minutes", "10", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        time.sleep(2)  # It would have to end whenever it comes: there is no moment to wait for.
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"order-engine: Interrupted.\n")


def _read(terminal: int) -> bytes:
    """Return what comes next; nothing once the other side is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
