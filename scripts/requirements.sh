#!/bin/sh
# Writes requirements/ci.txt: every package that CI installs, with its hashes, for Python 3.11 and later on any system.
# Takes uv where it is installed, else gets one into a temporary folder with PYTHON ($1).
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

output=requirements/ci.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

uv=uv
if ! command -v uv >/dev/null 2>&1; then
    "$1" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install -qq --disable-pip-version-check uv
    uv=$work/venv/bin/uv
fi
mkdir -p requirements
"$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make requirements' \
    --all-extras --group dev pyproject.toml --output-file "$work/ci.txt" >/dev/null
# The installer chooses the index, so the file must contain no address and no option of this machine.
if grep -nE '://|^-' "$work/ci.txt" >&2; then
    echo "$output was not written: the lines above hold an address or an option" >&2
    exit 1
fi
cp "$work/ci.txt" "$output"
echo "$output: $(grep -c '==' "$output") packages"
