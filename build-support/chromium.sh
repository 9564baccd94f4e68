#!/bin/sh
# Make sure that there is a Chromium for the console's tests, on machines whose packages are ours to install.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    printf '%s\n' "The console's tests need Chromium or Chrome on PATH: install one of them." >&2
    exit 1
fi
printf '%s\n' "installing Chromium for the console's tests" >&2
for attempt in 1 2 3; do
    if DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; then
        exit 0
    fi
    sleep 5
done
exit 1
