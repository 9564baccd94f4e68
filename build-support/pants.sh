#!/bin/sh
# Run Pants from the package index on this repository. usage: ./dev pants ARG ...
#
# pants.toml pins a current release, which only the official launcher brings. The index stopped at an older one:
# this lays over pants.toml what that one does not know.
set -eu
cd "$(dirname "$0")/.."
sh build-support/install-pants.sh
state="$(pwd -P)/.dev/pants"
venv="$state/venv"
locked() { sed -n "s/^$1==\([0-9.]*\).*/\1/p" "3rdparty/$2.lock"; }
directory_of() { "$1" -c 'import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))'; }
hash_of() { "$venv/bin/python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1"; }

code_version=$(.dev/venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
pex_version=$(locked pex pex)
pex_file="$(hash_of "$state/pex")|$(wc -c <"$state/pex" | tr -d ' ')"
cat >"$state/overlay.$$" <<TOML
[GLOBAL]
backend_packages = [
    "pants.backend.docker",
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
# Code runs on the interpreter of ./dev, whichever others the machine has.
interpreter_constraints = ["CPython==$code_version.*"]
pip_version = "latest"

[python-bootstrap]
search_path = ["$(directory_of .dev/venv/bin/python)", "$(directory_of "$venv/bin/python")"]

[python-infer]
use_rust_parser = true

[ruff]
install_from_resolve = "default"
args = ["check"]

[pex-cli]
version = "v$pex_version"
known_versions = [
    "v$pex_version|linux_arm64|$pex_file",
    "v$pex_version|linux_x86_64|$pex_file",
    "v$pex_version|macos_arm64|$pex_file",
    "v$pex_version|macos_x86_64|$pex_file",
]
url_template = "file://$state/pex"
TOML
mv "$state/overlay.$$" "$state/overlay.toml"
PANTS_VERSION=$(locked pantsbuild-pants pants)
export PANTS_VERSION PANTS_CONFIG_FILES="['pants.toml', '$state/overlay.toml']"
exec "$venv/bin/pants" "$@"
