#!/usr/bin/env bash
# The Helm chart: lint and templates for each file of values in ci/, every manifest against the schemas of the oldest and the newest
# Kubernetes it is for, and those of KEDA and the Prometheus operator.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash infra/lint/tools.sh

helm=.cache/bin/helm-3.22.0
chart=infra/helm/stanflow
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
quietly() { "$@" > "$out/log" 2>&1 || { grep -v 'found symbolic link' "$out/log" >&2; exit 1; }; }

for values in "$chart"/ci/*.yaml; do
  name=$(basename "$values" .yaml)
  quietly "$helm" lint --strict "$chart" -f "$values"
  for kubernetes in 1.29 1.37; do
    "$helm" template stanflow "$chart" --namespace video --kube-version "$kubernetes" -f "$values" > "$out/$name-$kubernetes.yaml" 2> "$out/log" || {
      grep -v 'found symbolic link' "$out/log" >&2
      exit 1
    }
    .cache/lint/kubernetes-validate-1.37.0/bin/python infra/lint/validate_manifests.py "$kubernetes" "$out/$name-$kubernetes.yaml" .cache/lint/keda-2.21.0 .cache/lint/prometheus-operator-0.85.0
  done
done
quietly "$helm" package "$chart" --destination "$out"
tar -tzf "$out"/stanflow-*.tgz | grep -q '/files/rules.yaml$'
