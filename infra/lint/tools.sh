#!/usr/bin/env bash
# What checks charts and alert rules: helm (built by Go) and promtool with Prometheus (out of Debian's package, which is unpacked and
# not installed: nothing is started) in .cache/bin, schemas of Kubernetes (PyPI) and of KEDA's and the Prometheus operator's resources
# (out of their Go modules) in .cache/lint. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. infra/fetch.sh

helm=.cache/bin/helm-3.22.0
prometheus=.cache/prometheus
validator=.cache/lint/kubernetes-validate-1.37.0
keda=.cache/lint/keda-2.21.0
operator=.cache/lint/prometheus-operator-0.85.0
mkdir -p .cache/bin .cache/lint

for_chart="builds and fetches what checks the Helm chart"
go_program "$helm" helm.sh/helm/v3/cmd/helm "$for_chart" "building ${helm##*/} with Go, a minute or two ..."

# Of a Go module, these files.
from_module() {
  local module=$1 to=$2
  shift 2
  needs_go "$for_chart"
  local folder fetching
  fetching=$(mktemp -d)
  # What went wrong is told in the answer, not on stderr.
  (cd "$fetching" && go mod download -json "$module" > answer) || {
    echo "The Go module $module cannot be fetched." >&2
    cat "$fetching/answer" >&2
    exit 1
  }
  folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' "$fetching/answer")
  rm -rf "$fetching"
  rm -rf "$to.new" && mkdir -p "$to.new"
  for file in "$@"; do cp "$folder/$file" "$to.new/"; done
  mv "$to.new" "$to"
}
[ -d "$keda" ] || from_module "github.com/kedacore/keda/v2@v${keda##*-}" "$keda" \
  config/crd/bases/keda.sh_scaledobjects.yaml config/crd/bases/keda.sh_triggerauthentications.yaml
[ -d "$operator" ] || from_module "github.com/prometheus-operator/prometheus-operator@v${operator##*-}" "$operator" \
  example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules}.yaml

python_home "$validator" python "checks the Helm chart" --no-compile "kubernetes-validate==${validator##*-}"

if [ ! -x "$prometheus/usr/bin/promtool" ] && ! command -v promtool > /dev/null; then
  if ! command -v apt-get > /dev/null; then
    echo "promtool is missing. Install Prometheus 2.42 or newer, so that prometheus and promtool are on the PATH." >&2
    exit 1
  fi
  [ "$(id -u)" != 0 ] || apt-get -qq update > /dev/null
  fetching=$(mktemp -d)
  chmod 777 "$fetching"
  (cd "$fetching" && apt-get -qq download prometheus > log 2>&1) || {
    cat "$fetching/log" >&2
    echo "promtool cannot be fetched. Install Prometheus 2.42 or newer, so that prometheus and promtool are on the PATH." >&2
    exit 1
  }
  dpkg-deb -x "$fetching"/prometheus_*.deb "$prometheus.new"
  rm -rf "$prometheus" "$fetching"
  mv "$prometheus.new" "$prometheus"
fi
