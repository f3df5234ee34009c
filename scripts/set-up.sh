#!/bin/sh
# Makes the virtual environment and installs the project into it, editable, with one group of tools:
#
#     sh scripts/set-up.sh project|test|dev|release
#
# `make` calls it. It takes what is there: uv, or else a Python from 3.11 with venv and pip.
# Variables: VENV (.venv), PYTHON (one interpreter instead of a search), REQUIREMENTS (a hashed file, for CI).
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

group=$1
venv=${VENV:-.venv}
requirements=${REQUIREMENTS:-}

stop() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

fits() { # Whether this interpreter starts, and is new enough.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() { # Sets `python`.
    without_venv=
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        fits "$python" || continue
        "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
        without_venv=$python
    done
    [ -z "$without_venv" ] || stop "$without_venv has no venv and pip: install the package python3-venv, or uv."
    stop "no Python from 3.11 was found (looked for: ${PYTHON:-python3.13 python3.12 python3.11 python3 python})." \
        "Install one, or uv, or name one: PYTHON=/path/to/python3"
}

make_venv() {
    if command -v uv >/dev/null 2>&1; then
        # uv takes an interpreter that pyproject.toml allows, and fetches one where there is none.
        uv venv --quiet --clear ${PYTHON:+--python "$PYTHON"} "$venv"
    else
        find_python
        "$python" -m venv --clear "$venv"
    fi
}

install() { # install REQUIREMENT...
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$venv/bin/python" "$@"
    else
        "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@"
    fi
}

ensure_pip() { # The first pip that knows dependency groups is 25.1; a venv that uv made has none at all.
    if command -v uv >/dev/null 2>&1; then return; fi
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
    if [ "$group" != project ] && [ -z "$requirements" ]; then install 'pip>=25.1'; fi
}

check_pins() { # Whether what was pinned is within the bounds of pyproject.toml, and complete.
    if command -v uv >/dev/null 2>&1; then
        uv pip check --quiet --python "$venv/bin/python"
    else
        "$venv/bin/python" -m pip --disable-pip-version-check check >&2
    fi || stop "$requirements does not fit pyproject.toml: run make requirements"
}

install_pinned() {
    install --require-hashes --requirement "$requirements"
    install --no-deps --no-build-isolation --editable .
    check_pins
    touch "$venv/.ready-project" "$venv/.ready-test" "$venv/.ready-dev"
}

install_within_bounds() {
    case $group in
    project) install --editable . ;;
    test | dev | release) install --group "$group" --editable . ;;
    *) stop "no group is called $group" ;;
    esac
    touch "$venv/.ready-$group"
    [ "$group" = project ] || touch "$venv/.ready-project"
    [ "$group" != dev ] || touch "$venv/.ready-test"
}

fits "$venv/bin/python" || make_venv
printf 'Installing order_engine (%s) into %s with %s\n' \
    "${requirements:-$group}" "$venv" "$("$venv/bin/python" --version)" >&2
ensure_pip
if [ -n "$requirements" ]; then install_pinned; else install_within_bounds; fi
