"""The OpenAPI document in the hands of strangers: a fuzzer, and a client that was generated from it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fuzzing import MEMORY, fuzz
from tests.integration.service import Service, run_command
from tests.integration.wire_orders import shop_orders, wire_orders
from tests.real_orders import LARGEST_FILE

EXAMPLES = "10"
"""Of each operation, in each phase of the fuzzer that makes examples of its own."""
SECONDS = 120
PACKAGE = "generated_order_client"
CLIENT = f"""
import json, sys
from {PACKAGE} import Client
from {PACKAGE}.api.orders import get_order, get_order_status, list_orders, place_order
from {PACKAGE}.models import OrderPlacement, Order, OrderStatus, Problem

address, line = sys.argv[1:]
client = Client(base_url=address)
wanted = OrderPlacement.from_dict(json.loads(line))
created = place_order.sync_detailed(client=client, body=wanted)
assert created.status_code == 201, created
order = get_order.sync(client=client, order_id=wanted.order_id)
assert isinstance(order, Order), order
assert order.item_ids == wanted.item_ids
assert order.attributes.to_dict() == wanted.attributes.to_dict()
assert get_order_status.sync(client=client, order_id=wanted.order_id).status in list(OrderStatus)
assert [each.order_id for each in list_orders.sync(client=client, user_id=wanted.user_id).orders] == [order.order_id]
missing = get_order.sync(client=client, order_id="nobody")
assert isinstance(missing, Problem) and missing.code == "order_not_found", missing
print(order.order_id, order.total_amount)
"""


def need(module: str) -> None:
    """Skip where a tool of the group `contract` is not installed, but never in CI."""
    if importlib.util.find_spec(module) is None:
        reason = f"{module} is not installed: it is in the dependency group contract"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


READERS_CLIENT = f"""
import json, sys
from {PACKAGE} import Client
from {PACKAGE}.api.orders import cancel_order, list_orders, place_order
from {PACKAGE}.models import OrderPlacement, Problem

address, *lines = sys.argv[1:]
client = Client(base_url=address)
for number, line in enumerate(lines):
    for _ in range(2):
        placed = place_order.sync_detailed(
            client=client, body=OrderPlacement.from_dict(json.loads(line)), idempotency_key=f"key-{{number}}"
        )
        assert placed.status_code == 201, placed
first = list_orders.sync(client=client, limit=2)
second = list_orders.sync(client=client, limit=2, cursor=first.next_)
assert second.next_ is None, second
listed = [each.order_id for each in (*first.orders, *second.orders)]
stale = cancel_order.sync(client=client, order_id=listed[0], if_match='"99"')
assert isinstance(stale, Problem) and stale.code in ("version_mismatch", "action_refused"), stale
print(*listed)
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run a service whose orders end soon."""
    with Service(tmp_path, *MEMORY) as running:
        yield running.wait_ready()


def test_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """No error of ours, and no answer that the document does not describe.

    Nor anything taken that it forbids, refused that it admits, or hidden from it. A failure names its seed.
    """
    need("schemathesis")
    key = run_command(tmp_path, "keys", "add", "--file", "keys", "--name", "fuzzer", "--scopes", "admin").stdout.strip()
    with Service(tmp_path, *MEMORY, "--api-keys-file", "keys") as service:
        service.wait_ready()
        shown = ("--header", f"Authorization: Bearer {key}")
        done = fuzz(service, *shown, "--max-examples", EXAMPLES, seconds=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(phase in done.stdout for phase in ("Coverage", "Fuzzing", "Stateful"))
        assert service.errors == ""


def test_a_generated_client_places_and_reads_an_order(service: Service, tmp_path: Path) -> None:
    """An order of the shop, with its lines as attributes: back it comes as it went."""
    need("openapi_python_client")
    written = run_command(tmp_path, "openapi", "--output", "openapi.json")
    assert written.returncode == 0, written.stderr
    assert json.loads((tmp_path / "openapi.json").read_text()) == service.get("/openapi.json").json()
    generate(tmp_path)
    record = shop_orders(LARGEST_FILE)[0]
    order = {name: record[name] for name in ("order_id", "user_id", "item_ids", "total_amount", "currency")}
    line = json.dumps(order | {"attributes": {"lines": record["lines"]}})
    assert run_client(tmp_path, CLIENT, service.address, line).split() == [order["order_id"], order["total_amount"]]


def test_a_generated_client_knows_every_parameter(service: Service, tmp_path: Path) -> None:
    """It turns pages, sends keys and makes conditions."""
    need("openapi_python_client")
    (tmp_path / "openapi.json").write_text(service.get("/openapi.json").body)
    generate(tmp_path)
    orders = wire_orders(3)
    listed = run_client(tmp_path, READERS_CLIENT, service.address, *(body.decode() for body in orders.values()))
    assert listed.split() == list(orders)[::-1]


def run_client(folder: Path, program: str, *words: str) -> str:
    """Run a program that uses the generated client, and return what it printed."""
    done = subprocess.run(  # noqa: S603 - the client that was generated
        [sys.executable, "-c", program, *words],
        cwd=folder / "client",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def generate(folder: Path) -> None:
    """Generate a client from the document in a folder."""
    # The generator would format what it made with a formatter that need not be there.
    (folder / "generator.yml").write_text(f"package_name_override: {PACKAGE}\npost_hooks: []\n")
    program = [sys.executable, "-m", "openapi_python_client", "generate"]
    flags = ["--path", "openapi.json", "--config", "generator.yml", "--meta", "none"]
    (folder / "client").mkdir()
    done = subprocess.run(  # noqa: S603 - a tool of ours
        [*program, *flags, "--output-path", f"client/{PACKAGE}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
