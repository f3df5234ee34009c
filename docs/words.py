"""Find the words that the glossary replaces: `python docs/words.py` prints each with its place, and exits with 1."""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
KEPT = re.compile(r"word kept: *\w")
"""What a line says that needs such a word, with its reason behind it."""
KINDS = frozenset({".py", ".md", ".html"})
CODE = re.compile(r"`[^`\n]+`|\{[^{}\n]*\}")
"""Names within a text: between backticks, and in the braces of a formatted string."""
FENCED = re.compile(r"^```py(?:thon)?\n.*?^```$", re.DOTALL | re.MULTILINE)
"""Python within a page."""
FORMATTED = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
TEXTS = frozenset({tokenize.COMMENT, tokenize.STRING, FORMATTED})
"""The tokens of Python that a person reads."""


class Finding(NamedTuple):
    """A word to avoid, where it is, and what to write instead."""

    path: Path
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        """Return a line as linters print it."""
        return f"{self.path}:{self.line}: {self.word!r}: use {self.instead}"


def words_to_avoid() -> dict[str, str]:
    """Return every word of the glossary's last table, with what to write instead."""
    table = GLOSSARY.read_text(encoding="utf-8").partition("## Words to avoid")[2]
    rows = re.findall(r"^\| ([a-z][^|]*?) \| ([^|]*?) \|$", table, re.MULTILINE)
    return {word: instead for words, instead in rows if words != "avoid" for word in words.split(", ")}


def files(root: Path) -> Iterator[Path]:
    """Yield every file whose texts are checked."""
    folders = ("src", "docs", "examples", "benchmarks")
    found = (path for folder in folders for path in (root / folder).rglob("*") if path.suffix in KINDS)
    yield from (path for path in (*root.glob("*.md"), *found) if path != GLOSSARY)


def findings(paths: Sequence[Path]) -> Iterator[Finding]:
    """Yield every word to avoid in the texts of these files."""
    words = words_to_avoid()
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    for path in paths:
        kept = [KEPT.search(line) is not None for line in path.read_text(encoding="utf-8").splitlines()]
        for first, text in _texts(path):
            for number, line in enumerate(text.splitlines(), first):
                if not kept[number - 1]:
                    for found in pattern.findall(CODE.sub("", line)):
                        yield Finding(path, number, found, words[found.lower()])


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a person reads in a file, with the number of its first line."""
    if path.suffix != ".py":
        yield 1, FENCED.sub(lambda code: "\n" * code[0].count("\n"), path.read_text(encoding="utf-8"))
        return
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in TEXTS:
                yield token.start[0], token.string


def main() -> int:
    """Print what was found; return the exit code."""
    found = list(findings(sorted(files(ROOT))))
    for each in found:
        sys.stdout.write(f"{each._replace(path=each.path.relative_to(ROOT))}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
