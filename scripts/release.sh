#!/bin/sh
# Builds and checks a release into dist/, and lists what it contains: sh scripts/release.sh [--draft]
#
# A release is made of a clean working tree whose version has a section in CHANGELOG.md; --draft builds any tree.
# Needs uv, or a Python from 3.11 with venv and pip. Uploads nothing.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

draft=no
if [ "${1:-}" = --draft ]; then
    draft=yes
    shift
fi
[ $# -eq 0 ] || { echo 'usage: sh scripts/release.sh [--draft]' >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

stop() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}

step() { printf '\n== %s\n' "$*"; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
if [ "$draft" = no ]; then
    [ -z "$(git status --porcelain)" ] || stop 'the working tree has changes: commit them, or use --draft'
    grep -qF "## [$version]" CHANGELOG.md || stop "CHANGELOG.md has no section [$version]: add it, or use --draft"
fi

step "Tools"
VENV="$work/tools" sh scripts/set-up.sh release
python="$work/tools/bin/python"

step "Wheel and sdist of $version"
sh scripts/check-wheel.sh "$python"
rm -rf dist
# The files in both archives get the time of the commit, so that a second build has the same checksums.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
"$python" -m build --no-isolation --outdir dist . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
"$python" -m twine check --strict dist/*.whl dist/*.tar.gz

step "Packages that an installation brings"
"$python" -m venv "$work/user"
"$work/user/bin/python" -m pip install -qq --disable-pip-version-check dist/*.whl
"$work/user/bin/python" -m pip --disable-pip-version-check uninstall -qq --yes pip setuptools 2>/dev/null
"$python" -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible --of JSON \
    --output-file dist/sbom.cdx.json "$work/user/bin/python"
"$python" -m piplicenses --python="$work/user/bin/python" --ignore-packages order-engine --with-urls \
    --format=markdown --output-file=dist/licenses.md >/dev/null
cat dist/licenses.md

step "Known vulnerabilities"
packages=$(echo "$work"/user/lib/python3*/site-packages)
if "$python" -m pip_audit --path "$packages" --skip-editable --format json --output dist/audit.json \
    >"$work/audit.log" 2>&1; then
    tail -n 1 "$work/audit.log"
elif [ -s dist/audit.json ]; then
    cat dist/audit.json >&2
    stop 'a package has a known vulnerability: see above'
else
    tail -n 1 "$work/audit.log" >&2
    echo 'Not checked: the database of vulnerabilities is unavailable. Run the script again where it can be reached.'
    rm -f dist/audit.json
fi

step "Contents of dist"
(cd dist && "$python" - <<'PYTHON'
from hashlib import sha256
from pathlib import Path

files = [path for path in sorted(Path().iterdir()) if path.name != ".gitignore"]
Path("SHA256SUMS").write_text("".join(f"{sha256(path.read_bytes()).hexdigest()}  {path}\n" for path in files))
for path in files:
    print(f"{path.stat().st_size:>9,}  {path}")
PYTHON
)
cat dist/SHA256SUMS
