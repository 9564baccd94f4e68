#!/bin/sh
# Recompile the hashed locks from every distribution's own dependencies: one for the repository, and under it one for
# each image, with what that image needs and nothing else. No addresses are written.
# usage: ./dev lock [--upgrade]
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
own='huntaze-contracts|huntaze-common|huntaze-video|huntaze-trends|huntaze-data|huntaze-alerts|qstash-local|huntaze-local|huntaze-cli|huntaze-console'
members='contracts libs/common services/video services/trends services/data services/alerts local/qstash local/stack cli console'

# Print what the distributions in the given directories need of others.
needs() {
    for member in "$@"; do
        sed -n '/^dependencies = \[/,/^\]/p' "$member/pyproject.toml" \
            | sed -n 's/^ *"\(.*\)",$/\1/p' | { grep -Ev "^($own)\$" || true; }
    done | sort -u
}

# compile LOCK OPTION ...: from the requirements on standard input
compile() {
    lock=$1
    shift
    "$uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-annotate --no-header --output-file "$lock" "$@" -
}

{ needs $members; cat 3rdparty/dev.in; } | compile 3rdparty/requirements.lock --python-version 3.11 "$@"

mkdir -p 3rdparty/images
for service in video trends data alerts; do
    needs contracts libs/common "services/$service" \
        | compile "3rdparty/images/$service.lock" --python-version 3.13 --constraint 3rdparty/requirements.lock \
            --override 3rdparty/images/left-out.in
done
needs contracts libs/common local/qstash local/stack cli console \
    | compile 3rdparty/images/local.lock --python-version 3.13 --constraint 3rdparty/requirements.lock
