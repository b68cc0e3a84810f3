#!/usr/bin/env bash
# Sets up servers and suites of other makers, each in an environment of its own under .peers/ (nothing of it is committed):
#
#     .peers/pasture   fediverse-pasture and its inputs, in a virtual environment (it needs older pins than ours)
#     .peers/node      Node 22 or newer, as npm carries it, where there is none
#     .peers/fedify    Fedify, for Node
#
# Quick when it has been done already. Tests that find their peer missing name this script and are skipped, or fail if
# CI=true.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers="$here/../../.peers"
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

# The environment NAME is as its files (the rest of the arguments) want it.
is_current() { cat "${@:2}" | cmp -s - "$peers/$1/made-from"; }
remember() { cat "${@:2}" >"$peers/$1/made-from"; }

quietly() { "$@" >"$peers/log" 2>&1 || { cat "$peers/log"; return 1; }; }

pasture() {
    local wants=("$here/pasture/requirements.txt" "$here/pasture/export_inputs.py")
    is_current pasture "${wants[@]}" && return
    rm -rf "$peers/pasture"
    "$(command -v python3.11 || command -v python3)" -m venv "$peers/pasture"
    quietly "$peers/pasture/bin/pip" install --no-deps -r "$here/pasture/requirements.txt"
    (cd "$peers/pasture" && bin/python "$here/pasture/export_inputs.py" inputs.json) # it leaves a cache where it runs
    remember pasture "${wants[@]}"
}

is_new_node() { command -v "$1" >/dev/null && [ "$("$1" -p 'process.versions.node.split(".")[0]')" -ge 22 ]; }

find_node() {
    if is_new_node node || is_new_node "$peers/node/node_modules/.bin/node"; then return; fi
    command -v npm >/dev/null || return 1
    mkdir -p "$peers/node"
    quietly npm install --no-audit --no-fund --prefix "$peers/node" node@22
    is_new_node "$peers/node/node_modules/.bin/node"
}

fedify() {
    local wants=("$here/fedify/package.json" "$here/fedify/package-lock.json")
    is_current fedify "${wants[@]}" && return
    rm -rf "$peers/fedify"
    mkdir "$peers/fedify"
    cp "${wants[@]}" "$peers/fedify/"
    quietly npm ci --no-audit --no-fund --prefix "$peers/fedify"
    remember fedify "${wants[@]}"
}

pasture
echo "fediverse-pasture: ready"
if find_node; then
    fedify
    echo "Fedify: ready"
else
    echo "Fedify: needs Node 22 or newer, which cannot be had here"
fi
