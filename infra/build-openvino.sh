#!/usr/bin/env bash
# Brings OpenVINO's library into .cache/openvino, out of its wheel on PyPI (60 MB), whose checksum pip verifies. OpenVINO is
# Apache-2.0 and runs on x86-64 and ARM. Says nothing when it is there. Another version: OPENVINO_VERSION=2025.4.1
set -euo pipefail
cd "$(dirname "$0")/.."

version=${OPENVINO_VERSION:-2026.4.1}
target=.cache/openvino
if [ "$(cat "$target/version" 2> /dev/null)" = "$version" ]; then exit 0; fi

python=${PYTHON:-python3}
if [ -x .cache/py/bin/python ]; then python=.cache/py/bin/python; fi
if ! "$python" -m pip --version > /dev/null 2>&1; then
  echo "Python 3.10 or newer with pip is missing. Install it (apt-get install python3-pip), then run this again." >&2
  exit 1
fi
echo "fetching OpenVINO $version from PyPI (60 MB) ..."
rm -rf "$target"
PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --target "$target" "openvino==$version"
echo "$version" > "$target/version"
echo "OpenVINO $version is in $target; \`stanflow doctor\` shows what it computes"
