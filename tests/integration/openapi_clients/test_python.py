"""Clients in Python that were generated: they place, read, list, cancel and follow orders of a running service."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.integration.openapi_clients import generators
from tests.integration.openapi_clients.conftest import Shop
from tests.integration.openapi_clients.tools import HERE, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the programs that use the clients."""
    shutil.copytree(HERE / "python", tmp_path, dirs_exist_ok=True)
    (tmp_path / "generated").mkdir()
    return tmp_path


def use(shop: Shop, folder: Path, client: str) -> None:
    """Run the program that uses a client."""
    run(sys.executable, f"with_{client}.py", *shop.words(f"python-{client}"), folder=folder)


def test_openapi_python_client(shop: Shop, folder: Path) -> None:
    """Functions and attrs classes over httpx."""
    generators.openapi_python_client(shop.document, folder / "generated", "openapi_python_client")
    use(shop, folder, "openapi_python_client")


def test_datamodel_code_generator(shop: Shop, folder: Path) -> None:
    """Models of pydantic; the requests are written by hand."""
    generators.datamodel_code_generator(shop.document, folder / "generated" / "models.py")
    use(shop, folder, "datamodel_code_generator")


def test_openapi_generator(shop: Shop, folder: Path) -> None:
    """Classes of pydantic over urllib3."""
    generators.openapi_generator("python", shop.document, folder / "whole")
    shutil.move(folder / "whole" / "openapi_client", folder)
    use(shop, folder, "openapi_generator")
