"""How `order-engine serve` starts, where it can; and the one line it says where it cannot."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.inspection import body_of, wait_completed
from tests.integration.service import (
    PROGRAM,
    Service,
    clean_environment,
    expect_one_line,
    run_command,
    serving,
    wait_until,
)
from tests.integration.stubborn_service import DATABASE, SOURCE, stubborn, wait_noted


def test_nothing_has_to_be_set_up(tmp_path: Path) -> None:
    """Without a setting the service keeps its orders in the working directory, and says where, and what it does."""
    with Service(tmp_path) as service:
        service.wait_ready()
        assert str(tmp_path / "order_engine.db") in service.output
        assert "demonstration, waits 2 s per order" in service.output
        assert service.address.startswith("http://127.0.0.1:")
    assert (tmp_path / "order_engine.db").is_file()


def test_settings_by_environment(tmp_path: Path) -> None:
    """Every setting can be given as a variable; a flag wins over it."""
    variables = {
        "ORDER_ENGINE_DATABASE_URL": "sqlite:///by_variable.db",
        "ORDER_ENGINE_PROCESSOR": "demo:0.1",
        "ORDER_ENGINE_PORT": "1",
        "ORDER_ENGINE_MAX_ITEMS": "1",
    }
    with Service(tmp_path, variables=variables) as service:
        service.wait_ready()
        assert service.post("/orders", body_of("order")).status == 201
        assert service.post("/orders", body_of("two").replace(b'"item"', b'"item", "item"')).status == 422
        assert "waits 0.1 s per order" in service.output
    assert (tmp_path / "by_variable.db").is_file()


def test_settings_by_file(tmp_path: Path) -> None:
    """The file .env in the working directory holds settings too; the environment wins over it."""
    (tmp_path / ".env").write_text(
        "ORDER_ENGINE_DATABASE_URL=sqlite:///by_file.db\nORDER_ENGINE_PROCESSOR=demo:600\nUNRELATED=1\n",
        encoding="utf-8",
    )
    with Service(tmp_path, variables={"ORDER_ENGINE_PROCESSOR": "demo:0.1"}) as service:
        service.wait_ready()
        assert service.post("/orders", body_of("order")).status == 201
        wait_completed(service.address, 10)
    assert (tmp_path / "by_file.db").is_file()


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken is exit code 1 and one line that names it and what to do; no file is made."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run_command(tmp_path, "serve", "--port", port)
    assert (ended.returncode, ended.stdout) == (1, "")
    expect_one_line(ended.stderr, port, "in use", "--port")
    assert not list(tmp_path.glob("order_engine.db*"))


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--port", "http"), "port"),
        (("--concurrency", "0"), "concurrency"),
        (("--processor", "missing_module:work"), "missing_module"),
        (("--database-url", "sqlite://"), "sqlite:///"),
        (("--database-url", "nowhere://host"), "nowhere"),
        (("--host", "0.0.0.0"), "--allow-anonymous"),  # noqa: S104 - refused, as it should be
        (("--no-such-flag",), "--no-such-flag"),
    ],
)
def test_wrong_settings(tmp_path: Path, flags: tuple[str, ...], part: str) -> None:
    """A wrong flag is exit code 2 and one line that names what is wrong; nothing is made."""
    ended = run_command(tmp_path, "serve", *flags)
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    expect_one_line(ended.stderr, part)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        ({"ORDER_ENGINE_CONCURRENCY": "many"}, "concurrency"),
        ({"ORDER_ENGINE_CONCURENCY": "10"}, "ORDER_ENGINE_CONCURRENCY"),
        ({"ORDER_ENGINE_DATABASE_URL": "nowhere://user:secret@host/orders"}, "nowhere"),
    ],
)
def test_wrong_variables(tmp_path: Path, variables: Mapping[str, str], part: str) -> None:
    """A wrong or misspelt variable is exit code 2 and one line, without the secrets that it may hold."""
    ended = run_command(tmp_path, "serve", "--port", "0", variables=variables)
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    expect_one_line(ended.stderr, part)
    assert "secret" not in ended.stderr


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite:///missing/folder/orders.db", "missing/folder"),
        ("sqlite:///folder", "folder"),
        ("sqlite:///text.db", "text.db"),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, url: str, part: str) -> None:
    """A missing folder, a folder in place of the file, or a file of something else: exit code 1 and one line."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("this is no database, whatever its name says\n" * 100, encoding="utf-8")
    ended = run_command(tmp_path, "serve", "--port", "0", "--database-url", url)
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    expect_one_line(ended.stderr, part)


def test_a_processor_of_ones_own(tmp_path: Path) -> None:
    """`--processor module:function` finds a function in the working directory, be it a coroutine or a plain one."""
    (tmp_path / "shop.py").write_text(
        "from pathlib import Path\n\ndef pack(order):\n    Path(f'{order.order_id}.packed').touch()\n", encoding="utf-8"
    )
    with serving(tmp_path, "--processor", "shop:pack") as service:
        assert service.post("/orders", body_of("order")).status == 201
        wait_completed(service.address, 10)
    assert (tmp_path / "order.packed").exists()


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_takes_long_is_ended_at_once(tmp_path: Path, command: str, number: signal.Signals) -> None:
    """A signal while the processor's module is imported, even in the middle of C: exit code 0, and no word."""
    with stubborn(tmp_path, command=command, variables={"STUBBORN_IMPORT_SECONDS": "300"}) as service:
        wait_noted(tmp_path, "importing")
        service.signal(number)
        assert service.wait(5) == 0
        assert not service.errors


def test_the_first_process_of_a_container_hears_signals(tmp_path: Path) -> None:
    """To process 1 the kernel gives no signal that it has no handler for: there is one before anything is imported."""
    hears = [sys.executable, "-c", "import sys, order_engine_adapters.cli; sys.exit('click' in sys.modules)"]
    assert subprocess.run(hears, check=False).returncode == 0  # noqa: S603 - our own program
    alone = ("unshare", "--user", "--map-root-user", "--pid", "--fork")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode != 0:  # noqa: S603
        pytest.skip("this user may not make a namespace of processes")
    (tmp_path / "stubborn.py").write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    words = [*alone, sys.executable, *PROGRAM, "serve", "--port", "0", "--processor", "stubborn:work"]
    variables = clean_environment({"STUBBORN_IMPORT_SECONDS": "300"})
    first = 0
    with subprocess.Popen(words, cwd=tmp_path, env=variables) as outside:  # noqa: S603 - our own program
        try:
            wait_noted(tmp_path, "importing")
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text(encoding="utf-8")
            first = int(children.split()[0])
            os.kill(first, signal.SIGTERM)
            assert outside.wait(5) == 0
        finally:
            with suppress(ProcessLookupError):
                os.kill(first or outside.pid, signal.SIGKILL)


def test_not_ready_before_orders_are_refused(tmp_path: Path) -> None:
    """With a drain delay readiness fails at once and orders are still taken; then the drain begins."""
    with serving(tmp_path, "--processor", "demo:0", "--drain-delay-seconds", "3") as service:
        service.signal()
        wait_until(lambda: service.get("/readyz").status == 503, 2, "readiness fails")
        assert service.post("/orders", body_of("late")).status == 201
        assert service.wait(20) == 0
    with serving(tmp_path, "--processor", "none") as after:
        assert after.get("/orders/late/status").json() == {"status": "Completed"}


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_no_migrate_refuses_what_is_not_up_to_date(tmp_path: Path, command: str) -> None:
    """With `--no-migrate` a process starts on a schema that is up to date, and changes none; else exit code 1."""
    flags = (*DATABASE, "--no-migrate")
    refused = run_command(tmp_path, command, *flags)
    assert refused.returncode == 1
    expect_one_line(refused.stderr, "orders.db", "order-engine migrate")
    assert not list(tmp_path.glob("orders.db*"))
    assert run_command(tmp_path, "migrate", *DATABASE).returncode == 0
    with Service(tmp_path, *flags, command=command) as service:
        service.wait_ready()
