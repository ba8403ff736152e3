#!/usr/bin/env bash
# The compose file as Docker itself reads it (compose-go: schema, references, merges, variables). That its stanflow command lines are
# ones that stanflow takes is shown by test/infra/compose.test.ts. Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."

reader=.cache/bin/compose-go-2.16.2
if [ ! -x "$reader" ]; then
  if ! command -v go > /dev/null; then
    echo "Go is missing, which builds the reader of compose files. Install it (https://go.dev/dl), then run this again." >&2
    exit 1
  fi
  building=$(mktemp -d)
  GOBIN="$building" go install "github.com/compose-spec/compose-go/v2/cmd@v${reader##*-}" > "$building/log" 2>&1 || {
    cat "$building/log" >&2
    exit 1
  }
  mkdir -p .cache/bin
  mv "$building/cmd" "$reader"
  rm -rf "$building"
fi

# Paths are relative to the file's folder, as with Docker.
cd infra
"../$reader" compose.yaml > /dev/null
