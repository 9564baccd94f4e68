#!/bin/sh
# Print what depends on the files that changed since a commit: one path, or the address of an artefact, a line.
# usage: sh build-support/touched.sh COMMIT python_test|pex_binary
set -eu
cd "$(dirname "$0")/.."
since=$(git merge-base "$1" HEAD)
filter="--filter-target-type=$2"
# What shapes every run, and is a dependency of nothing, touches everything.
if git diff --quiet "$since" -- .ci .github build-support dev pants.toml pyproject.toml; then
    touched=$(./dev pants --changed-since="$since" --changed-dependents=transitive "$filter" list)
else
    touched=$(./dev pants "$filter" list ::)
fi
printf '%s\n' "$touched" | sed 's/\.py:.*/.py/' | sort -u
