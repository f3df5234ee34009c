"""A running service with keys, its document, and the tools that read it: each made once for all tests here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.openapi_clients.tools import NodeTools, need_node
from tests.integration.service import Service, run_command
from tests.integration.wire_orders import shop_orders
from tests.real_orders import LARGEST_FILE

FIELDS = ("order_id", "user_id", "item_ids", "total_amount", "currency")


@dataclass(frozen=True)
class Shop:
    """A service that works on no order, so that each stays as its client leaves it."""

    address: str
    key: str
    document: Path

    def words(self, client: str) -> tuple[str, str, str]:
        """Return the arguments of a client program: the address, the key, and two unique orders."""
        orders = [
            {
                **{name: record[name] for name in FIELDS},
                "order_id": f"{client}-{record['order_id']}",
                "user_id": f"{client} {record['user_id']} caf\u00e9",
                "attributes": {"lines": record["lines"], "gift": True},
            }
            for record in shop_orders(LARGEST_FILE)[:2]
        ]
        for order in orders:
            order["user_id"] = orders[0]["user_id"]
        return self.address, self.key, json.dumps(orders)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run a service with keys, in memory, and keep its document."""
    folder = tmp_path_factory.mktemp("service")
    words = ("keys", "add", "--file", "keys", "--name", "client", "--scopes", "read,write")
    key = run_command(folder, *words).stdout.strip()
    with Service(folder, "--database-url", "memory://", "--processor", "none", "--api-keys-file", "keys") as service:
        service.wait_ready()
        document = folder / "openapi.json"
        document.write_text(service.get("/openapi.json").body, encoding="utf-8")
        yield Shop(service.address, key, document)


@pytest.fixture(scope="session")
def node_tools(tmp_path_factory: pytest.TempPathFactory) -> NodeTools:
    """Install the linters, and the generators for TypeScript."""
    need_node()
    return NodeTools(tmp_path_factory.mktemp("node tools"))
