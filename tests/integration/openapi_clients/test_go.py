"""A client in Go that was generated: it places, reads, lists, cancels and follows orders of a running service."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.integration.openapi_clients.conftest import Shop
from tests.integration.openapi_clients.generators import openapi_generator
from tests.integration.openapi_clients.tools import HERE, program, run

ALONE = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
"""The client needs nothing but the standard library."""


def test_openapi_generator(shop: Shop, tmp_path: Path) -> None:
    """No name of it is declared twice, and what it reads from the service is what the document says."""
    go = program("go")
    openapi_generator("go", shop.document, tmp_path, "--additional-properties", "packageName=orders")
    module = tmp_path / "go.mod"
    # The one that is made up by the generator stands for a repository somewhere.
    module.write_text("module example/orders\n\ngo 1.18\n", encoding="utf-8")
    shutil.rmtree(tmp_path / "test")
    shutil.copytree(HERE / "go" / "client", tmp_path / "client")
    run(go, "build", "-o", "shop", "./client", folder=tmp_path, variables=ALONE)
    run(tmp_path / "shop", *shop.words("go"), folder=tmp_path)
