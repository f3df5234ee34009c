"""A fuzzer that knows the service by its OpenAPI document alone: schemathesis, with every check that it has.

For long: `python -m tests.integration.fuzzing --minutes 10`. Ends with its summary, and with its exit code.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration.service import Service
from tests.real_orders import ROOT

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PROGRAM = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
MEMORY = ("--database-url", "memory://", "--processor", "demo:0.05")
REQUEST_SECONDS = 15
"""Longer than the service may take for anything."""
START_SECONDS = 60


def fuzz(service: Service, *flags: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Let the fuzzer loose on a service. Raises TimeoutExpired after `seconds`."""
    return subprocess.run(  # noqa: S603 - a tool of ours
        [*PROGRAM, *_words(service.address, flags)],
        cwd=service.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def _words(address: str, flags: Sequence[str]) -> Sequence[str]:
    # The checks are not named here: all are on, but for what the configuration says of them.
    limit = ("--request-timeout", str(REQUEST_SECONDS))
    return ["--config-file", str(CONFIGURATION), "run", f"{address}/openapi.json", "--no-color", *limit, *flags]


def main(words: Sequence[str] | None = None) -> int:
    """Run for as long as is wanted, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to go on [1]")
    parser.add_argument("--seed", type=int, help="begin as an earlier run did")
    wanted = parser.parse_args(words)
    seconds = max(1, round(wanted.minutes * 60))
    seed = [] if wanted.seed is None else ["--seed", str(wanted.seed)]
    with TemporaryDirectory() as folder, Service(Path(folder), *MEMORY) as service:
        service.wait_ready()
        done = fuzz(service, "--max-time", str(seconds), *seed, seconds=2 * seconds + START_SECONDS)
        sys.stdout.write(done.stdout + done.stderr + service.errors)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
