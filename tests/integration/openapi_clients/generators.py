"""Generators of clients that come as Python packages."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.integration.openapi_clients.tools import need_module, program, run


def openapi_generator(name: str, document: Path, to: Path, *flags: str) -> None:
    """Generate a client with OpenAPI Generator, which needs Java."""
    need_module("openapi_generator_cli")
    program("java")
    begin = (sys.executable, "-c", "from openapi_generator_cli import cli; cli()")
    run(*begin, "generate", "-i", document, "-g", name, "-o", to, *flags, folder=document.parent)


def openapi_python_client(document: Path, folder: Path, package: str) -> None:
    """Generate a client with openapi-python-client, as a package in a folder."""
    need_module("openapi_python_client")
    # The generator would format what it made with a formatter that need not be there.
    (folder / "generator.yml").write_text(f"package_name_override: {package}\npost_hooks: []\n")
    words = ("generate", "--path", document, "--config", folder / "generator.yml", "--meta", "none")
    run(sys.executable, "-m", "openapi_python_client", *words, "--output-path", folder / package, folder=folder)


def datamodel_code_generator(document: Path, to: Path) -> None:
    """Generate models of pydantic with datamodel-code-generator, into a file."""
    need_module("datamodel_code_generator")
    form = ("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin")
    run(sys.executable, "-m", "datamodel_code_generator", "--input", document, "--output", to, *form, folder=to.parent)
