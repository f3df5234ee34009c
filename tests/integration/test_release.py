"""The script that makes a release: what it refuses to build, and what its page says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "release.sh"
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a committed project with no more than the script looks at first."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    (tmp_path / "pyproject.toml").write_text('version = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n", encoding="utf-8")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)  # noqa: S603 - words of this file
    return tmp_path


def refusal(folder: Path, *flags: str) -> tuple[int, str]:
    """Return the exit code of the script, and what it writes to standard error."""
    words = ["/bin/sh", "scripts/release.sh", *flags]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - likewise
    return done.returncode, done.stderr


def test_a_version_without_a_section_in_the_changelog_is_refused(checkout: Path) -> None:
    """Whoever installs it has to find what changed."""
    assert refusal(checkout) == (1, "release: CHANGELOG.md has no section [1.2.3]: add it, or use --draft\n")


def test_a_tree_with_changes_is_refused(checkout: Path) -> None:
    """A release is what a commit says."""
    (checkout / "stray.py").touch()
    assert refusal(checkout) == (1, "release: the working tree has changes: commit them, or use --draft\n")


def test_an_unknown_flag_is_refused(checkout: Path) -> None:
    """With the usage, and before anything is built."""
    assert refusal(checkout, "--upload") == (2, "usage: sh scripts/release.sh [--draft]\n")


def test_the_page_lists_the_files_that_the_script_writes() -> None:
    """Beside the wheel and the sdist, which the build names."""
    page = (ROOT / "docs" / "how-to" / "release.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    script = SCRIPT.read_text(encoding="utf-8")
    assert listed == {*re.findall(r"dist/([\w.]+\.(?:json|md))", script), "SHA256SUMS"}
    assert 'Path("SHA256SUMS")' in script
