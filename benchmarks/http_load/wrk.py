"""One load by wrk, whose script prints what it saw."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FIGURES: Final = "FIGURES "
TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What one load gave: requests per second, milliseconds, and requests that were not answered with success."""

    per_second: float
    p50: float
    p99: float
    failed: int


def load(script: Path, url: str, connections: int, seconds: int, arguments: Sequence[str] = ()) -> Load:
    """Load a service in a closed loop: each connection asks again once it has its answer."""
    shape = ["-t1", f"-c{connections}", f"-d{seconds}", "--timeout", str(TIMEOUT_SECONDS), "--latency"]
    command = ["wrk", *shape, "-s", str(script), url, "--", *arguments]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    line = next(line for line in finished.stdout.splitlines() if line.startswith(FIGURES))
    figures = json.loads(line.removeprefix(FIGURES))
    return Load(
        per_second=figures["requests"] / (figures["microseconds"] / 1e6),
        p50=figures["p50"] / 1000,
        p99=figures["p99"] / 1000,
        failed=figures["refused"] + figures["broken"],
    )
