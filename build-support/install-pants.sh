#!/bin/sh
# Install the Pants of the package index into .dev/pants, unless it is there. Exit 69: it cannot be had here.
set -eu
cd "$(dirname "$0")/.."
state="$(pwd -P)/.dev/pants"
venv="$state/venv"
key=$(cksum 3rdparty/pants.lock 3rdparty/pex.lock)
[ -x "$state/pex" ] && [ "$(cat "$venv/key" 2>/dev/null)" = "$key" ] && exit
unavailable() { printf 'pants: %s\n' "$*" >&2; exit 69; }

# Version managers put shims on PATH that don't run, and keep the real ones elsewhere.
find_python39() {
    for candidate in ${PANTS_PYTHON:-} python3.9 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.9.*/bin/python3.9; do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        if "$path" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 9))' 2>/dev/null; then
            printf '%s\n' "$path"
            return
        fi
    done
    unavailable "the Pants of the package index runs on CPython 3.9 only, and none was found. Name one with
PANTS_PYTHON=/path/to/python3.9, or use the official launcher, which brings its own (docs/how-to/use-pants.md)."
}

python39=$(find_python39) || exit
printf 'pants: installing Pants into .dev/pants\n' >&2
mkdir -p "$state"
"$python39" -m venv --clear "$venv"
.dev/tools/bin/uv pip install --quiet --python "$venv/bin/python" --only-binary :all: --compile-bytecode \
    --require-hashes -r 3rdparty/pants.lock || unavailable "the package index did not give it; see uv's message above."
# Pants would fetch Pex's executable from GitHub; the index has the same code as a wheel.
"$venv/bin/pex" --pex-root "$state/pex-root" -r 3rdparty/pex.lock -c pex -o "$state/pex" \
    --python-shebang '/usr/bin/env python3' --no-strip-pex-env
printf '%s\n' "$key" >"$venv/key"
