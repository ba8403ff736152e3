#!/usr/bin/env bash
# What the tests need beyond `npm ci`: ffmpeg, and a Python with pyarrow and DuckDB in .cache/py. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v "${FFMPEG_PATH:-ffmpeg}" > /dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -qq update > /dev/null && apt-get -qq install -y --no-install-recommends ffmpeg > /dev/null
  else
    echo "ffmpeg is missing. Install it (apt-get install ffmpeg) or set FFMPEG_PATH, then run this again." >&2
    exit 1
  fi
fi

venv=.cache/py
if ! "$venv/bin/python" -c 'import duckdb, numpy, pyarrow' 2> /dev/null; then
  if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2> /dev/null; then
    echo "Python 3.9 or newer with venv is missing. Install it (apt-get install python3-venv), then run this again." >&2
    exit 1
  fi
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check pyarrow duckdb numpy
fi
