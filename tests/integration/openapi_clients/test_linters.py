"""The OpenAPI document before the linters that people use, with their recommended rules: not one complaint."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.integration.openapi_clients.conftest import Shop
from tests.integration.openapi_clients.tools import HERE, NodeTools, need_module, program, run
from tests.integration.service import run_command

TEXTS: Final = [
    "", "a", "a b", " a", "a ", ".", "..", "...", ".a", "a.", "..a", "a/b", "a\tb", "\u007f", "caf\u00e9", "e\u0301",
    "\U0001f600", "\U0001f468\u200d\U0001f469", "\u0645\u06cc\u200c\u062e", "50", "50.00", "5e1", "-0", "-1", "00",
    "0.0000001", "1000000000000000.1", "GBP", "gbp", "GBPX", "*", '"3"', 'W/"3", "4"', '"3', "key", '"a key"',
    "x" * 300,
]  # fmt: skip
"""What expressions are tried on; none ends with a line feed, which Python's `$` lets pass."""


@pytest.fixture(scope="session", params=[True, False], ids=["keys", "no keys"])
def document(request: pytest.FixtureRequest, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the document of a service with keys, or of one without."""
    if request.param:
        return shop.document
    folder = tmp_path_factory.mktemp("document")
    written = run_command(folder, "openapi", "--output", "openapi.json")
    assert written.returncode == 0, written.stderr
    return folder / "openapi.json"


def test_redocly_has_no_complaint(document: Path, node_tools: NodeTools) -> None:
    """Neither an error nor a warning of its ruleset recommended."""
    told = node_tools.run(
        "redocly", "lint", document, "--extends", "recommended", "--format", "json", folder=document.parent
    )
    report = json.loads(told[told.index("{") :])
    assert report["problems"] == []
    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_spectral_has_no_complaint(document: Path, node_tools: NodeTools) -> None:
    """Neither an error nor a warning nor a hint of its ruleset oas."""
    flags = ("--ruleset", HERE / "spectral.yaml", "--fail-severity", "hint", "--format", "json", "--quiet")
    assert json.loads(node_tools.run("spectral", "lint", *flags, document, folder=document.parent)) == []


def test_openapi_spec_validator_has_no_complaint(document: Path) -> None:
    """Its command reads the file as YAML, which has fewer escapes than JSON."""
    need_module("openapi_spec_validator")
    assert "OK" in run(sys.executable, "-m", "openapi_spec_validator", document, folder=document.parent)


def expressions(document: Path) -> list[str]:
    """Return the regular expressions of a document."""
    return sorted(set(re.findall(r'"pattern": ?("(?:[^"\\]|\\.)*")', document.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("engine", ["node", "go"])
def test_every_engine_reads_the_expressions_alike(shop: Shop, engine: str, tmp_path: Path) -> None:
    """That of JavaScript, with every flag for Unicode and without, and RE2's as Go has it, decide as Python's does."""
    patterns = [json.loads(each) for each in expressions(shop.document)]
    assert len(patterns) >= 7
    (tmp_path / "expressions.json").write_text(json.dumps({"patterns": patterns, "texts": TEXTS}))
    if engine == "node":
        told = run(program("node"), HERE / "typescript" / "expressions.mjs", folder=tmp_path)
    else:
        told = run(program("go"), "run", HERE / "go" / "expressions.go", folder=tmp_path)
    wanted = [[re.search(pattern, text) is not None for text in TEXTS] for pattern in patterns]
    for decided in json.loads(told):
        assert decided == wanted
