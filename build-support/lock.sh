#!/bin/sh
# Recompile the hashed lock from every distribution's own dependencies. No addresses are written.
# usage: ./dev lock [--upgrade]
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
own='huntaze-contracts|huntaze-common|huntaze-video|huntaze-trends|huntaze-data|huntaze-alerts|qstash-local|huntaze-local'
members='contracts libs/common services/video services/trends services/data services/alerts local/qstash local/stack'
inputs=$(mktemp)
trap 'rm -f "$inputs"' EXIT
for member in $members; do
    sed -n '/^dependencies = \[/,/^\]/p' "$member/pyproject.toml" \
        | sed -n 's/^ *"\(.*\)",$/\1/p' | { grep -Ev "^($own)\$" || true; } >>"$inputs"
done
cat 3rdparty/dev.in >>"$inputs"
sort -u "$inputs" | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
    --output-file 3rdparty/requirements.lock "$@" -
