"""What the tests of the command line stand on: an invented service, a runner, and files of orders."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from click.testing import CliRunner, Result

from order_engine_adapters.cli.program import program

DATABASE = "sqlite:///orders.db"


def run(*arguments: str, **environment: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(program, list(arguments), env=environment, prog_name="order-engine")


def one_line(result: Result) -> str:
    """Return the error line of a failed command, without the program's name."""
    line = result.stderr.removesuffix("\n")
    assert line.startswith("order-engine: "), result.output
    assert "\n" not in line
    assert line.isprintable()
    return line.removeprefix("order-engine: ")


def order(number: int, **changes: object) -> dict[str, object]:
    """Return an order; a change to None removes a field."""
    fields = {"order_id": f"order{number}", "user_id": "user1", "item_ids": ["item1"], "total_amount": "50.00"}
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def write_orders(path: Path, orders: Iterable[object], *, packed: bool = False) -> Path:
    """Write a file of JSON lines; a text or bytes among the orders is a line as it is."""
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in orders]
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


class Asked(NamedTuple):
    """A request as the invented service got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """A response of the invented service. `breaks_off` closes the connection in the middle of the body."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    breaks_off: bool = False


@dataclass
class InventedService:
    """Sends the given responses in turn and records the requests."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def will_say(self, *answers: Answer) -> None:
        """Send these responses, one after the other."""
        self.answers.extend(answers)


@contextmanager
def invented_service() -> Iterator[InventedService]:
    """Serve on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append(Asked(self.command, self.path, headers, body))
            answer = service.answers.pop(0) if service.answers else Answer({"detail": "unexpected"}, 500)
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + 1000 * answer.breaks_off))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = answer.breaks_off

        do_GET = do_POST = _answer  # noqa: N815 - the standard library's names

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the standard library's signature
            """Log nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # noqa: ANN401 - the standard library's signature
            """Ignore errors of clients that disconnect early: they would appear in the tested output."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        service = InventedService(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def placed(*orders: Mapping[str, object], replayed: bool = False) -> Answer:
    """Return a batch's answer: all placed."""
    return items(*({"order_id": each["order_id"], "code": 201, "replayed": replayed} for each in orders))


def items(*each: Mapping[str, object], breaks_off: bool = False, read: int | None = None) -> Answer:
    """Return a batch response with these items, and a last item with the count `read`, by default all of them."""
    count = len(each) if read is None else read
    told = each if breaks_off else (*each, {"read": count, "placed": count, "replayed": 0, "refused": 0})
    return Answer(b"".join(json.dumps(item).encode() + b"\n" for item in told), breaks_off=breaks_off)
