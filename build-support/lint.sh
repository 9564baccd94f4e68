#!/bin/sh
# Everything that can be checked without running the code. Run through `./dev lint`, which sets PATH.
set -u
failed=0
step() {
    printf '%s\n' "== $*"
    "$@" || failed=1
}
step ruff check .
step ruff format --check .
step basedpyright
step lint-imports
step python -m huntaze_contracts.generation check
exit $failed
