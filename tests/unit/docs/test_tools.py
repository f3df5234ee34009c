"""The versions that a page names are those that the tests run with."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "generate-a-client.md"
NODE_PACKAGES = ROOT / "tests" / "integration" / "openapi_clients" / "package.json"
ROW = re.compile(r"^\| (?P<name>[@a-z][^ |]*) \| (?P<version>[0-9][^ |]*) \|", re.MULTILINE)
WITHIN = re.compile(r"with (?P<name>[a-z-]+) (?P<version>[0-9.]+):")
HELPERS = {"typescript", "zod"}


def pinned() -> dict[str, str]:
    """Return the version of each package that is pinned for Node.js or for CI."""
    packages: dict[str, str] = json.loads(NODE_PACKAGES.read_text(encoding="utf-8"))["dependencies"]
    lines = (ROOT / "requirements" / "ci.txt").read_text(encoding="utf-8")
    return packages | dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lines, re.MULTILINE))


def test_generators_and_linters_are_named_with_the_versions_that_are_tested() -> None:
    """Whoever moves a pin looks at what the page says of the result."""
    page = PAGE.read_text(encoding="utf-8")
    named = {match["name"]: match["version"] for pattern in (ROW, WITHIN) for match in pattern.finditer(page)}
    assert len(named) >= 10
    assert named == {name: pinned().get(name) for name in named}


def test_every_package_for_node_is_named() -> None:
    """But for those that the programs of the tests need themselves."""
    page = PAGE.read_text(encoding="utf-8")
    packages = json.loads(NODE_PACKAGES.read_text(encoding="utf-8"))["dependencies"]
    assert [name for name in packages if name not in page and name not in HELPERS] == []
