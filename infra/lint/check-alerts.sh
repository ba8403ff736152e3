#!/usr/bin/env bash
# The alert rules: their syntax, a test of each that it fires and that it does not, and a section for each in docs/runbooks.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash infra/lint/tools.sh

promtool=.cache/prometheus/usr/bin/promtool
[ -x "$promtool" ] || promtool=promtool
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }; }

quietly "$promtool" check rules --lint=all --lint-fatal infra/prometheus/rules.yaml
quietly "$promtool" test rules infra/prometheus/rules.test.yaml
alerts=$(sed -n 's/^ *- alert: //p' infra/prometheus/rules.yaml)
for alert in $alerts; do
  for named in "name: $alert fires" "name: $alert does not"; do
    grep -q "$named\$" infra/prometheus/rules.test.yaml || { echo "infra/prometheus/rules.test.yaml has no test \"$named\"." >&2; exit 1; }
  done
  grep -q "^## $alert\$" docs/runbooks.md || { echo "docs/runbooks.md has no section $alert." >&2; exit 1; }
  grep -q "runbook_url: docs/runbooks.md#${alert,,}\$" infra/prometheus/rules.yaml || { echo "The alert $alert links to no run-book." >&2; exit 1; }
done
for section in $(sed -n 's/^## //p' docs/runbooks.md); do
  grep -qx "$section" <<< "$alerts" || { echo "docs/runbooks.md has a section $section, of which there is no alert." >&2; exit 1; }
done
echo "$(wc -w <<< "$alerts") alerts: each fires where it is to, does not where it is not, and has its run-book"
