#!/bin/sh
# Run Pants from the package index on this repository. usage: ./dev pants ARG ...
#
# pants.toml pins a current release, which comes from GitHub through the official launcher. The index stopped at
# 2.17.1; this installs that one into .dev/pants and lays over pants.toml what it does not know.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
state="$root/.dev/pants"
venv="$state/venv"
die() { printf 'pants: %s\n' "$*" >&2; exit 1; }
locked() { sed -n "s/^$1==\([0-9.]*\).*/\1/p" "3rdparty/$2.lock"; }

# Version managers put shims on PATH that don't run, and keep the real ones elsewhere.
find_python39() {
    for candidate in ${PANTS_PYTHON:-} python3.9 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.9.*/bin/python3.9; do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        if "$path" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 9))' 2>/dev/null; then
            printf '%s\n' "$path"
            return
        fi
    done
    die "the Pants of the package index runs on CPython 3.9 only, and none was found.
Name one with PANTS_PYTHON=/path/to/python3.9, or install the official launcher, which brings its own Python
and the release that pants.toml pins (docs/how-to/use-pants.md). Nothing else here needs Pants."
}

install() {
    printf 'pants: installing Pants %s into .dev/pants\n' "$version" >&2
    python39=$(find_python39) || exit 1
    mkdir -p "$state"
    "$python39" -m venv --clear "$venv"
    .dev/tools/bin/uv pip install --quiet --python "$venv/bin/python" --only-binary :all: --require-hashes \
        -r 3rdparty/pants.lock || die "could not install Pants from the package index; see uv's message above."
    # Pants would fetch Pex's executable from GitHub; the index has the same code as a wheel.
    "$venv/bin/pex" --pex-root "$state/pex-root" -r 3rdparty/pex.lock -c pex -o "$pex" \
        --python-shebang '/usr/bin/env python3' --no-strip-pex-env
    cksum 3rdparty/pants.lock 3rdparty/pex.lock >"$venv/key"
}

version=$(locked pantsbuild-pants pants)
pex_version=$(locked pex pex)
pex="$state/pex-$pex_version"
[ "$(cat "$venv/key" 2>/dev/null)" = "$(cksum 3rdparty/pants.lock 3rdparty/pex.lock)" ] || install

# The interpreter of ./dev runs the code; tests must not depend on which others the machine has.
search_path=$(.dev/venv/bin/python -c 'import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))')
code_version=$(.dev/venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cat >"$state/overlay.toml" <<TOML
[GLOBAL]
backend_packages = [
    "pants.backend.experimental.python.lint.ruff",
    "pants.backend.experimental.visibility",
    "pants.backend.python",
]
pants_workdir = "$state/workdir"
pants_subprocessdir = "$state/processes"
local_store_dir = "$state/store"
named_caches_dir = "$state/caches"
ignore_warnings = ["DEPRECATED: Running Pants in an external Python interpreter"]

[python]
interpreter_constraints = ["CPython==$code_version.*"]
pip_version = "latest"

[python-bootstrap]
search_path = ["$search_path", "$(dirname "$(readlink -f "$venv/bin/python")")"]

[python-infer]
use_rust_parser = true

[ruff]
install_from_resolve = "default"

[pex-cli]
version = "v$pex_version"
known_versions = ["v$pex_version|linux_x86_64|$(sha256sum "$pex" | cut -d' ' -f1)|$(wc -c <"$pex")"]
url_template = "file://$pex"

[subprocess-environment]
env_vars = ["LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR"]
TOML
export PANTS_VERSION="$version" PANTS_CONFIG_FILES="['pants.toml', '$state/overlay.toml']"
exec "$venv/bin/pants" "$@"
