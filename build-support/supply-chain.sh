#!/bin/sh
# What is in the named services' images (CycloneDX, into dist/sbom), and which of it has known vulnerabilities.
# usage: sh build-support/supply-chain.sh [SERVICE ...]      exit 1: something vulnerable was found
#
# Both tools read the locks that the images are built from: what is not in a lock is not in an image.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- video trends data alerts
uv=.dev/tools/bin/uv
mkdir -p dist/sbom
found=0
for service in "$@"; do
    # Packages whose marker never holds are left out of the images, and of this.
    packages=dist/sbom/$service.txt
    sed "/sys_platform == 'never'/,/^[a-z]/ { /sys_platform == 'never'/d; /^ /d; }" \
        "3rdparty/images/$service.lock" >"$packages"
    "$uv" tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements "$packages" \
        --pyproject "services/$service/pyproject.toml" --output-reproducible \
        --output-file "dist/sbom/$service.cdx.json"
    # Strict: a package that the index has no answer for is a failure, too, and not a silence.
    "$uv" tool run --quiet --from pip-audit==2.10.1 pip-audit --progress-spinner off --disable-pip --strict \
        --require-hashes --requirement "$packages" || found=1
done
exit $found
