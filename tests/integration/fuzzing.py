"""A fuzzer that knows the service by its OpenAPI document alone: schemathesis, with every check that it has.

It is given no hook, and of configuration what `schemathesis.toml` says, where each line has its reason. For long:
`python -m tests.integration.fuzzing --minutes 10`. Ends with its summary, and with its exit code.
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

PROGRAM = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
CONFIGURATION = Path(__file__).parents[2] / "schemathesis.toml"
GLOBAL_FLAGS = ("--config-file", str(CONFIGURATION), "--no-color")
MEMORY = ("--database-url", "memory://", "--processor", "demo:0.05")
START_SECONDS = 60


def fuzz(service: Service, *flags: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Let the fuzzer loose on a service. Raises TimeoutExpired after `seconds`."""
    return subprocess.run(  # noqa: S603 - a tool of ours
        [*PROGRAM, *GLOBAL_FLAGS, "run", f"{service.address}/openapi.json", *flags],
        cwd=service.folder,
        env={**os.environ, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run for the requested time and print the findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to go on [1]")
    parser.add_argument("--seed", type=int, help="begin as an earlier run did")
    parser.add_argument("--report", type=Path, help="a folder for a report to read (HTML) and one for CI (JUnit)")
    wanted = parser.parse_args(words)
    seconds = max(1, round(wanted.minutes * 60))
    flags = ["--max-time", str(seconds)]
    if wanted.seed is not None:
        flags += ["--seed", str(wanted.seed)]
    if wanted.report is not None:
        flags += ["--report", "html,junit", "--report-dir", str(wanted.report.resolve())]
    with TemporaryDirectory() as folder, Service(Path(folder), *MEMORY) as service:
        service.wait_ready()
        done = fuzz(service, *flags, seconds=2 * seconds + START_SECONDS)
        sys.stdout.write(done.stdout + done.stderr + service.errors)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
