"""Clients in TypeScript that were generated: they place, read, list, cancel and follow orders of a running service."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.integration.openapi_clients.conftest import Shop
from tests.integration.openapi_clients.generators import openapi_generator
from tests.integration.openapi_clients.tools import HERE, NodeTools, program, run

GENERATED: Final = ("openapi_fetch", "hey_api", "orval", "swagger_typescript_api")
OPENAPI_GENERATOR: Final = "openapi_generator"


@pytest.fixture(scope="session")
def built(shop: Shop, node_tools: NodeTools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate all clients, and compile them with the programs that use them, strictly. Returns where these are."""
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    shutil.copy(HERE / "package.json", folder)
    (folder / "node_modules").symlink_to(node_tools.modules)
    to = folder / "generated"

    def generate(name: str, *words: str | Path) -> None:
        node_tools.run(name, *words, folder=folder)

    generate("openapi-typescript", shop.document, "--output", to / "openapi_fetch.d.ts")
    generate("openapi-ts", "--input", shop.document, "--output", to / "hey_api")
    generate("orval", "--input", shop.document, "--output", to / "orval.ts", "--client", "fetch")
    generate("orval", "--input", shop.document, "--output", to / "orval_zod.ts", "--client", "zod")
    class_of = ("--output", to / "swagger_typescript_api", "--name", "api.ts")
    generate("swagger-typescript-api", "generate", "--path", shop.document, *class_of)
    if shutil.which("java"):
        openapi_generator("typescript-fetch", shop.document, to / OPENAPI_GENERATOR)
    else:
        (folder / f"{OPENAPI_GENERATOR}.ts").unlink()
    node_tools.run("tsc", "--project", folder, folder=folder)
    return folder / "built"


@pytest.mark.parametrize("client", [*GENERATED, OPENAPI_GENERATOR])
def test_a_generated_client_places_reads_lists_cancels_and_follows(client: str, shop: Shop, built: Path) -> None:
    """With keys, idempotency, pages, conditions, problems and streams."""
    if client == OPENAPI_GENERATOR:
        program("java")
    run(program("node"), built / f"{client}.js", *shop.words(f"typescript-{client}"), folder=built)


def test_schemas_of_zod_take_what_the_shop_sends_and_gets(shop: Shop, built: Path) -> None:
    """Expressions and all, in the dialect of JavaScript."""
    run(program("node"), built / "zod_schemas.js", *shop.words("typescript-zod"), folder=built)
