"""Keys at a real service: they are asked for, the commands show theirs, and they change while the service runs."""

from __future__ import annotations

import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.inspection import body_of
from tests.integration.service import Answer, Service, expect_one_line, run_command, serving, wait_until

DATABASE = ("--database-url", "sqlite:///orders.db")


def make_key(folder: Path, name: str, scopes: str) -> str:
    """Make a key, by the command that the docs name."""
    made = run_command(folder, "keys", "add", "--file", "keys.json", "--name", name, "--scopes", scopes)
    assert (made.returncode, made.stderr) == (0, "")
    return made.stdout.strip()


def asked(service: Service, method: str, path: str, key: str | None = None, body: bytes | None = None) -> Answer:
    """Return the answer to a request that shows a key."""
    connection = HTTPConnection(urlsplit(service.address).netloc, timeout=10)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read().decode())
    finally:
        connection.close()


def test_a_service_with_keys(tmp_path: Path) -> None:
    """Without a key only open paths work; a key grants its scopes; no key is in any output."""
    writer, reader = make_key(tmp_path, "shop", "write"), make_key(tmp_path, "board", "read,metrics")
    with serving(tmp_path, "--processor", "none", "--api-keys-file", "keys.json") as service:
        body = body_of("order1")
        refused = asked(service, "POST", "/orders", None, body)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="order_engine"')
        assert asked(service, "POST", "/orders", reader, body).status == 403
        assert asked(service, "GET", "/orders/order1", reader).status == 404
        assert asked(service, "POST", "/orders", writer, body).status == 201
        assert asked(service, "GET", "/orders/order1", reader).status == 200
        assert asked(service, "GET", "/metrics", reader).status == 200
        assert asked(service, "GET", "/metrics", writer).status == 403
        assert asked(service, "GET", "/livez").status == 200
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert not service.errors
        assert writer not in service.output + service.errors
        assert "server" not in refused.headers


def test_keys_change_while_the_service_runs(tmp_path: Path) -> None:
    """A new key works and a revoked one stops working without a restart; a broken file changes nothing but the log."""
    old = make_key(tmp_path, "old", "read")
    with serving(tmp_path, "--processor", "none", "--api-keys-file", "keys.json") as service:
        new = make_key(tmp_path, "new", "read")
        wait_until(lambda: asked(service, "GET", "/orders", new).status == 200, 10, "the new key works")
        assert asked(service, "GET", "/orders", old).status == 200
        assert run_command(tmp_path, "keys", "revoke", "--file", "keys.json", "--name", "old").returncode == 0
        wait_until(lambda: asked(service, "GET", "/orders", old).status == 401, 10, "the old key is refused")
        good = (tmp_path / "keys.json").read_bytes()
        (tmp_path / "keys.json").write_bytes(b"{half")
        wait_until(lambda: "Invalid API key file" in service.errors, 10, "the broken file is logged")
        assert asked(service, "GET", "/orders", new).status == 200
        assert asked(service, "GET", "/readyz").status == 200
        (tmp_path / "keys.json").write_bytes(good)
        newest = make_key(tmp_path, "newest", "read")
        wait_until(lambda: asked(service, "GET", "/orders", newest).status == 200, 10, "the mended file counts")


def test_the_commands_show_their_key(tmp_path: Path) -> None:
    """To the service with the file lock, whose address they find, and to a given one."""
    admin = make_key(tmp_path, "boss", "admin")
    with serving(tmp_path, "--processor", "none", "--api-keys-file", "keys.json") as service:
        assert asked(service, "POST", "/orders", admin, body_of("order1")).status == 201
        for target in [DATABASE, ("--url", service.address)]:
            refused = run_command(tmp_path, "metrics", *target)
            assert refused.returncode == 1
            expect_one_line(refused.stderr, "ORDER_ENGINE_API_KEY")
            shown = {"ORDER_ENGINE_API_KEY": admin}
            assert run_command(tmp_path, "metrics", *target, variables=shown).returncode == 0
            listed = run_command(tmp_path, "orders", "show", "order1", *target, variables=shown)
            assert "order1" in listed.stdout
        (tmp_path / "more.jsonl").write_bytes(body_of("order2") + b"\n")
        imported = run_command(tmp_path, "import", "more.jsonl", *DATABASE, variables=shown)
        assert imported.returncode == 0, imported.stderr
        assert asked(service, "GET", "/orders/order2", admin).status == 200
        cancelled = run_command(tmp_path, "orders", "cancel", "order2", *DATABASE, variables=shown)
        assert cancelled.returncode == 0, cancelled.stderr


def test_a_file_that_is_not_there_is_the_surroundings_fault(tmp_path: Path) -> None:
    """Exit code 1 and the command that makes it; nothing has been opened by then."""
    ended = run_command(tmp_path, "serve", "--port", "0", "--api-keys-file", "keys.json")
    assert (ended.returncode, ended.stdout) == (1, "")
    expect_one_line(ended.stderr, "order-engine keys add --file keys.json")
    assert not (tmp_path / "order_engine.db").exists()


def test_a_worker_asks_for_keys_too(tmp_path: Path) -> None:
    """Where it answers, its metrics are no more open than a service's."""
    key = make_key(tmp_path, "prometheus", "metrics")
    flags = ("--database-url", "sqlite:///orders.db", "--api-keys-file", "keys.json")
    with Service(tmp_path, *flags, command="worker") as worker:
        worker.wait_ready()
        assert [asked(worker, "GET", "/metrics", shown).status for shown in (None, key)] == [401, 200]


def test_what_is_served_with_keys_may_be_reached_by_others(tmp_path: Path) -> None:
    """A host that is not loopback starts with keys, and is refused without."""
    make_key(tmp_path, "shop", "write")
    every_address = "0.0.0.0"  # noqa: S104 - that is what is tried
    refused = run_command(tmp_path, "serve", "--port", "0", "--host", every_address)
    assert refused.returncode == 2
    expect_one_line(refused.stderr, "--api-keys-file", "--allow-anonymous")
    with serving(tmp_path, "--host", every_address, "--api-keys-file", "keys.json") as service:
        assert asked(service, "GET", "/orders").status == 401


def test_settings_show_where_the_keys_are(tmp_path: Path) -> None:
    """The file's name is no secret; the commands' own key is."""
    secret = {"ORDER_ENGINE_API_KEY": "hunter2", "ORDER_ENGINE_API_KEYS_FILE": "keys.json"}
    shown = run_command(tmp_path, "config", "show", variables=secret)
    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["api_keys_file", "keys.json", "environment"] in lines
    assert ["api_key", "***", "environment"] in lines


def test_a_rate_is_kept_to(tmp_path: Path) -> None:
    """429 with Retry-After; the probes are answered all the same; a flag is all it takes."""
    with serving(tmp_path, "--processor", "none", "--rate-limit", "3") as service:
        answers = [asked(service, "GET", "/orders") for _ in range(10)]
        assert answers[0].status == 200
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert [asked(service, "GET", "/readyz").status for _ in range(10)] == [200] * 10
        wait_until(lambda: asked(service, "GET", "/orders").status == 200, 5, "a second later it is answered again")


def test_the_key_file_is_its_owner_s(tmp_path: Path) -> None:
    """Even if the umask makes other files readable."""
    before = os.umask(0)
    try:
        make_key(tmp_path, "shop", "read")
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "keys.json": 0o600,
        "keys.json.lock": 0o600,
    }
