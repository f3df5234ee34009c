"""`order-engine worker`: the work without HTTP."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.integration.service import Service, run_command, wait_until

DATABASE = ("--database-url", "sqlite:///orders.db")
ORDERS = 20


def test_a_worker_completes_what_others_have_placed(tmp_path: Path) -> None:
    """It works, says how it is, answers nothing about orders, drains on SIGTERM, and ends with exit code 0."""
    lines = [
        json.dumps({"order_id": f"order-{number}", "user_id": "user-1", "item_ids": ["item-1"], "total_amount": "5.00"})
        for number in range(ORDERS)
    ]
    (tmp_path / "orders.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert run_command(tmp_path, "import", *DATABASE, "orders.jsonl").returncode == 0
    with Service(tmp_path, *DATABASE, "--processor", "demo:0.1", command="worker") as worker:
        worker.wait_ready()
        wait_until(lambda: worker.get("/metrics").json()["status_counts"]["Completed"] == ORDERS, 20, "all Completed")
        assert worker.get("/livez").status == 200
        assert worker.get("/orders/order-1").status == 404
        asked = run_command(tmp_path, "metrics", *DATABASE, "--json")
        assert json.loads(asked.stdout)["total_orders"] == ORDERS
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert "Traceback" not in worker.errors


def test_a_worker_needs_something_to_do(tmp_path: Path) -> None:
    """Without a processor it is a wrong setting: one line, exit code 2."""
    done = run_command(tmp_path, "worker", *DATABASE, "--processor", "none")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--processor" in done.stderr


def test_the_environment_gives_a_worker_no_port(tmp_path: Path) -> None:
    """The port is the flag's alone: a worker beside a service has the service's environment, and not its port."""
    with Service(tmp_path, *DATABASE, variables={"ORDER_ENGINE_PORT": "1"}, command="worker") as worker:
        assert worker.wait_ready().get("/readyz").status == 200
