"""`openapi`: the document of the service, to standard output or into a file."""

from __future__ import annotations

import json
from pathlib import Path

from order_engine_adapters.http.openapi import DocumentOptions, document
from tests.unit.cli.shop import one_line, run


def test_the_document_goes_to_standard_output() -> None:
    """Alone, for a pipe, and the one that a service without any setting serves."""
    result = run("openapi")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == document(DocumentOptions())
    assert result.stderr == ""


def test_the_document_goes_into_a_file(folder: Path) -> None:
    """Standard output stays free."""
    result = run("openapi", "--output", "openapi.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads((folder / "openapi.json").read_text()) == document(DocumentOptions())


def test_the_settings_are_those_of_the_service() -> None:
    """Flags and variables change the document as they change the service."""
    told = json.loads(run("openapi", "--max-items", "5", ORDER_ENGINE_PAGE_LIMIT="50").stdout)
    assert told["components"]["schemas"]["OrderPlacement"]["properties"]["item_ids"]["maxItems"] == 5
    assert told["components"]["parameters"]["PageLimit"]["schema"]["maximum"] == 50
    assert told["components"]["parameters"]["PageLimit"]["schema"]["default"] == 50


def test_a_file_of_keys_makes_keys_wanted() -> None:
    """It need not be there yet."""
    told = json.loads(run("openapi", "--api-keys-file", "keys").stdout)
    assert told["paths"]["/orders"]["post"]["security"] == [{"bearer": []}]


def test_a_folder_that_is_not_there_is_said() -> None:
    """In one line, with the exit code of the environment."""
    result = run("openapi", "--output", "nowhere/openapi.json")
    assert result.exit_code == 1
    assert "nowhere/openapi.json" in one_line(result)
