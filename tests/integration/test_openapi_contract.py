"""The OpenAPI document in the hands of a fuzzer, and as the command writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.fuzzing import MEMORY, fuzz
from tests.integration.openapi_clients.tools import need_module
from tests.integration.service import Service, run_command

EXAMPLES = "10"
"""Of each operation, in each phase of the fuzzer that makes examples of its own."""
SECONDS = 120


def test_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """No error of ours, and no answer that the document does not describe.

    Nor anything taken that it forbids, refused that it admits, or hidden from it. A failure names its seed.
    """
    need_module("schemathesis")
    key = run_command(tmp_path, "keys", "add", "--file", "keys", "--name", "fuzzer", "--scopes", "admin").stdout.strip()
    with Service(tmp_path, *MEMORY, "--api-keys-file", "keys") as service:
        service.wait_ready()
        shown = ("--header", f"Authorization: Bearer {key}")
        done = fuzz(service, *shown, "--max-examples", EXAMPLES, seconds=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(phase in done.stdout for phase in ("Coverage", "Fuzzing", "Stateful"))
        assert service.errors == ""


def test_the_command_writes_the_document_of_the_service(tmp_path: Path) -> None:
    """There is one document, wherever it is asked for."""
    written = run_command(tmp_path, "openapi", "--output", "openapi.json")
    assert written.returncode == 0, written.stderr
    with Service(tmp_path, *MEMORY) as service:
        served = service.wait_ready().get("/openapi.json")
    assert json.loads((tmp_path / "openapi.json").read_text()) == served.json()
