#!/usr/bin/env bash
# The compose file as Docker itself reads it (compose-go: schema, references, merges, variables). That its stanflow command lines are
# ones that stanflow takes is shown by test/infra/compose.test.ts. Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."
. infra/fetch.sh

reader=.cache/bin/compose-go-2.16.2
go_program "$reader" github.com/compose-spec/compose-go/v2/cmd "builds the reader of compose files"

# Paths are relative to the file's folder, as with Docker.
cd infra
"../$reader" compose.yaml > /dev/null
