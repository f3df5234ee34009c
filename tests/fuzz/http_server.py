"""A coverage-guided fuzzer of the HTTP server: `python -m tests.fuzz.http_server --minutes 5`.

It needs the group `fuzz` of the project (atheris). Each input is a script and what a client sends by it, at arbitrary
boundaries and with pauses on a manual clock. It ends with the first finding, whose input it writes to a file, and
exit code 77; `--replay FILE` runs that input again.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.integration.hostile_requests import BROKEN, HOSTILE

APPLICATIONS: Final = 11
"""How many kinds of applications the first byte chooses from."""
LONGEST_INPUT: Final = 2048
LONGEST_SEED: Final = 1000
SCRIPTS: Final = (
    b"",
    b"\x12\x14\x1a\x14\x22",
    b"\x13\x14\x1b\x14\x23\x14",
    b"\xff\x00\x04\x09\x2d\x0e\x14\x0e",
    b"\xf7",
)
WORDS: Final = (
    *("GET ", "HEAD ", "POST ", "BREW ", "OPTIONS * ", " HTTP/1.1\\x0d\\x0a", " HTTP/1.0\\x0d\\x0a", "http://a/"),
    *("\\x0d\\x0a", "\\x0d\\x0a\\x0d\\x0a", "\\x0a", "\\x0d", "\\x00", ": ", ":", ";", ",", " ", "\\x09"),
    *("Host: a\\x0d\\x0a", "Content-Length: 5\\x0d\\x0a", "Content-Length: ", "Transfer-Encoding: chunked\\x0d\\x0a"),
    *("Transfer-Encoding: ", "chunked", "Connection: close\\x0d\\x0a", "Connection: keep-alive\\x0d\\x0a"),
    *("Connection: upgrade\\x0d\\x0aUpgrade: x\\x0d\\x0a", "Expect: 100-continue\\x0d\\x0a"),
    *("5\\x0d\\x0ahello\\x0d\\x0a", "0\\x0d\\x0a\\x0d\\x0a", "hello", "Trailer: x\\x0d\\x0a"),
    *("GET / HTTP/1.1\\x0d\\x0aHost: a\\x0d\\x0a\\x0d\\x0a",),
    *("POST / HTTP/1.1\\x0d\\x0aHost: a\\x0d\\x0aContent-Length: 5\\x0d\\x0a\\x0d\\x0ahello",),
)
"""What the fuzzer puts into inputs, as its dictionary writes it."""


def seeds() -> Iterable[bytes]:
    """Yield inputs to begin with: limits that are exceeded, and the hostile requests, alone and between good ones."""
    get, post = b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
    good = post + b"5\r\n\r\nhello"
    for mode in range(APPLICATIONS):
        yield bytes([mode, 1, 0x99]) + get + b"X: %b\r\n\r\n" % (b"x" * 300) + good
        yield bytes([mode, 4, 0x13, 0x14, 0x39, 0x39]) + post + b"1000\r\n\r\n" + b"x" * 1000 + good
    requests = [request for request, _ in (*BROKEN.values(), *HOSTILE.values()) if len(request) < LONGEST_SEED]
    for number, request in enumerate(requests):
        script = SCRIPTS[number % len(SCRIPTS)]
        for stream in (request, good + request + good):
            yield bytes([number % 256, len(script)]) + script + stream


def fuzz(flags: Sequence[str]) -> None:
    """Fuzz until the time is over; the process ends with it."""
    # Imported here: only the fuzzer needs it, and only what is imported under its eyes is measured.
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["order_engine_adapters.http.server", "tests.fuzz"]):
        module = import_module("tests.fuzz.connection_run")
    with module.runner() as run:

        def test_one_input(data: bytes) -> None:
            run(data)

        atheris.Setup([sys.argv[0], *flags], test_one_input)
        atheris.Fuzz()


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz, or run files again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="Keep running for this many minutes [1].")
    parser.add_argument("--seed", type=int, default=0, help="Seed of an earlier run [0: by chance].")
    parser.add_argument("--corpus", type=Path, help="Folder whose inputs are used and added to [a temporary one].")
    parser.add_argument("--replay", type=Path, nargs="+", help="Run these inputs once.")
    options = parser.parse_args(words)
    # What applications are told to raise is logged, and no finding.
    logging.disable(logging.CRITICAL)
    if options.replay:
        with import_module("tests.fuzz.connection_run").runner() as run:
            for file in options.replay:
                run(file.read_bytes())
        return 0
    with TemporaryDirectory() as temporary:
        corpus = options.corpus or Path(temporary) / "corpus"
        corpus.mkdir(exist_ok=True)
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
        dictionary = Path(temporary) / "words"
        dictionary.write_text("".join(f'"{word}"\n' for word in WORDS), encoding="ascii")
        fuzz([
            f"-max_total_time={max(1, round(options.minutes * 60))}", f"-seed={options.seed}", f"-dict={dictionary}",
            f"-max_len={LONGEST_INPUT}", "-timeout=10", "-artifact_prefix=http_server_", "-print_final_stats=1",
            str(corpus),
        ])  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
