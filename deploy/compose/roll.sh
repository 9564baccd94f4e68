#!/bin/sh
# Roll one worker of the compose stack to the version that its tag names, while the old one still works.
# usage: VIDEO_TAG=1.4.0 deploy/compose/roll.sh video [OPTION OF docker compose ...]
#
# Migrations first, then a second container; when that is ready the first is told to stop: it takes nothing new, ends
# what it can within its grace and gives the rest back. Rolling back is the same with the older tag.
set -eu
service=$1
shift
compose() { docker compose -f "$(dirname "$0")/../compose.yaml" "$@"; }
old=$(compose "$@" ps --quiet "$service")
compose "$@" run --rm --no-deps "migrate-$service"
compose "$@" up --detach --no-deps --no-recreate --scale "$service=2" --wait "$service"
docker stop --time 30 "$old" >/dev/null
docker rm "$old" >/dev/null
