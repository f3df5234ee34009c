"""The samples of the pages that are no programs: answers, events, files and log lines look as the code writes them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from examples.online_retail.records import read_records
from order_engine.application.log.lines import line_of
from order_engine.domain.commands import Action, Command
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Status
from order_engine.ports.observer import AttemptFailed
from order_engine_adapters.http.events.sse import HEARTBEAT, event_text, ready_text
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.service.key_file import read_keys
from tests.unit.docs.pages import PAGES, ROOT, blocks, name_of
from tests.unit.domain.strategies import PLACEMENT, claimed, placed
from tests.unit.http.client import NDJSON_BODY
from tests.unit.http.serving import serving, text

ID = re.compile(r"^id: (.*)$", re.MULTILINE)


def samples(page: str, *languages: str) -> list[str]:
    """Return the blocks of a page in these languages."""
    return [block.text for block in blocks(ROOT / page, *languages)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_sample_of_json_is_json(page: Path) -> None:
    """Whole documents, without dots for what is left out."""
    assert all(isinstance(json.loads(block.text), dict) for block in blocks(page, "json"))


async def test_the_answers_of_a_batch_are_as_shown() -> None:
    """The first sample is that of an order, the second the last item: the same members with values of the same kind."""
    shown = [json.loads(sample) for sample in samples("docs/reference/http.md", "json")]
    async with serving() as service:
        body = text("order1").replace(b"\n", b"") + b"\n"
        answer = await service.client.send("POST", "/orders/batch", NDJSON_BODY, body)
        for sample, told in zip(shown, answer.lines(), strict=True):
            assert list(sample) == list(told)
            assert [type(value) for value in sample.values()] == [type(value) for value in told.values()]
        assert shown[0] == answer.lines()[0]


def test_the_events_of_a_stream_are_as_shown() -> None:
    """To the letter: the first event, an event, and the sign of life."""
    [shown] = samples("docs/how-to/follow-events.md", "console")
    command, _, stream = shown.partition("\n")
    assert command.startswith("$ curl --no-buffer ")
    first, second = ID.findall(stream)
    at = datetime.fromisoformat(re.findall(r'"at":"([^"]*)"', stream)[0])
    placed = Event("order1", 1, EventType.PLACED, Status.PENDING, at)
    ready = ready_text(first, resumed=False, heartbeat_seconds=HttpLimits().heartbeat_seconds)
    assert stream == (ready + event_text(placed, second) + HEARTBEAT).decode()


def test_the_file_of_keys_is_as_shown(tmp_path: Path) -> None:
    """A service reads it so."""
    [shown] = samples("docs/how-to/control-access.md", "json")
    path = tmp_path / "keys.json"
    path.write_text(shown, encoding="utf-8")
    path.chmod(0o600)
    assert [(key.identity.name, key.identity.scope_names) for key in read_keys(path)] == [("shop", ["read", "write"])]


def test_the_record_of_the_example_is_as_shown(tmp_path: Path) -> None:
    """The example reads it."""
    [shown] = samples("examples/online_retail/README.md", "json")
    path = tmp_path / "orders.jsonl"
    path.write_text(shown, encoding="utf-8")
    assert [record.order_id for record in read_records(path)] == ["1"]


def test_the_line_of_a_failed_attempt_is_as_shown() -> None:
    """But for its time and the place in the code of somebody else."""
    shown = samples("docs/how-to/run-the-service.md", "text")[0]
    order = claimed(placed(PLACEMENT._replace(order_id="order-1")))
    command = Command("order-1", Action.RETRY, order.token, delay=0.31, reason="ValueError: no stock")
    line = line_of(AttemptFailed(order, command, None, 1.0))
    assert f" WARNING order_engine: {line.message % line.arguments} (shop.py:14 in reserve)\n" in shown


def test_the_messages_of_the_database_are_as_quoted() -> None:
    """A reader searches for what the log says: every quoted part is in a message of the PostgreSQL adapter."""
    page = (ROOT / "docs/how-to/connect-to-postgresql.md").read_text(encoding="utf-8")
    table = page.partition("## Error messages")[2]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    quoted = [part.strip(" ,:") for row in rows for part in re.split(r"[`…]", row)]
    modules = (ROOT / "src/adapters/order_engine_adapters/postgres").rglob("*.py")
    source = re.sub(r'"\s+f?"', "", "".join(module.read_text(encoding="utf-8") for module in modules))
    assert len(quoted) > 10
    assert [part for part in quoted if part not in source] == []
