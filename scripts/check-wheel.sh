#!/bin/sh
# Builds the sdist and the wheel and checks them as a user would get them: sh scripts/check-wheel.sh PYTHON
# PYTHON is an interpreter whose environment holds build, hatchling and check-wheel-contents.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

build() { # build SOURCE OUTPUT KIND
    "$python" -m build --no-isolation "--$3" --outdir "$2" "$1" >"$work/build.log" 2>&1 || {
        cat "$work/build.log" >&2
        exit 1
    }
}

names() { # The files of a wheel, one a line.
    "$python" -m zipfile --list "$1" | awk 'NR > 1 { print $1 }' | LC_ALL=C sort
}

# A build leaves nothing behind in the working tree, and takes nothing along that lies in it by chance.
build . "$work" sdist
build . "$work" wheel
wheel=$(echo "$work"/*.whl)
"$python" -m check_wheel_contents --toplevel order_engine,order_engine_adapters "$wheel"

names "$wheel" >"$work/names"
for file in order_engine/py.typed order_engine_adapters/py.typed; do
    grep -qx "$file" "$work/names" || {
        echo "the wheel lacks $file" >&2
        exit 1
    }
done

mkdir "$work/source" "$work/second"
tar -xzf "$work"/*.tar.gz -C "$work/source" --strip-components 1
build "$work/source" "$work/second" wheel
names "$work"/second/*.whl | diff "$work/names" - || {
    echo 'the wheel made from the sdist holds other files than the wheel made from the tree' >&2
    exit 1
}

# The wheel alone, in an empty environment, from a folder that holds no source.
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -qq --disable-pip-version-check "$wheel"
cd "$work/second"
"$work/venv/bin/python" -W error -I - <<'PYTHON'
import asyncio
from importlib.metadata import entry_points
from importlib.resources import files

import order_engine
import order_engine_adapters
from order_engine import NewOrder
from order_engine_adapters import open_engine

for package in (order_engine, order_engine_adapters):
    if not files(package).joinpath("py.typed").is_file():
        raise SystemExit(f"{package.__name__} is installed without py.typed")
for group in ("order_engine.repositories", "order_engine.queues"):
    found = {entry_point.name: entry_point.load() for entry_point in entry_points(group=group)}
    if "memory" not in found:
        raise SystemExit(f"the entry points of {group} are {sorted(found)}: memory is missing")


async def main():
    async with open_engine("memory://", processor=lambda order: None) as engine:
        await engine.place(NewOrder(order_id="order1", user_id="user1", item_ids=["item1"], total_amount="50.00"))
        print(f"The wheel installs by itself; its markers and entry points are there; order1 is "
              f"{(await engine.wait_for('order1', seconds=10)).status}.")


asyncio.run(main())
PYTHON
