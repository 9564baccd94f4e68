#!/bin/sh
# Build the images of the named services (video, trends, data, alerts, local), or of all.
# usage: ./dev images [SERVICE ...]
#
# TAG names their tag (default: dev); PYTHON_IMAGE the base (default: the official image that the recipes name).
# Without a Docker engine that answers, the project's own is used: build-support/engine.sh up.
set -eu
cd "$(dirname "$0")/.."
if ! docker info >/dev/null 2>&1; then
    bash build-support/engine.sh up
    eval "$(bash build-support/engine.sh env)"
fi
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
tag=${TAG:-dev}
[ $# -gt 0 ] || set -- video trends data alerts local
for service in "$@"; do
    recipe=worker
    directory=services/$service
    [ "$service" != local ] || { recipe=local; directory=local/stack; }
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$directory/pyproject.toml")
    printf 'images: huntaze/%s:%s\n' "$service" "$tag" >&2
    docker build --quiet --file "deploy/images/$recipe.Dockerfile" --tag "huntaze/$service:$tag" \
        --build-arg "SERVICE=$service" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} . >/dev/null
done
