#!/usr/bin/env bash
# The servers that tests and `npm run demo:stream` start, none of which needs a container: an S3 server (versitygw, built by
# Go) in .cache/bin, a Kafka broker and a schema registry (Java, fetched by Maven) in .cache/kafka. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/fetch.sh

versitygw=.cache/bin/versitygw-1.8.0
go_program "$versitygw" github.com/versity/versitygw/cmd/versitygw "builds the S3 server of the tests" \
  "building the S3 server ${versitygw##*/} with Go ..."

# Java programs: a Kafka broker, and a schema registry that speaks Confluent's protocol.
kafka=.cache/kafka/kafka-4.4.0
registry=.cache/kafka/apicurio-3.0.9
if [ ! -d "$kafka" ] || [ ! -d "$registry" ]; then
  if ! { command -v java && command -v mvn; } > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -qq update > /dev/null
    apt-get -qq install -y --no-install-recommends default-jre-headless maven > /dev/null
  fi
  if ! { command -v java && command -v mvn; } > /dev/null; then
    echo "Java 17 and Maven are missing, which fetch and run the Kafka broker of the tests. Install them, then run this again." >&2
    exit 1
  fi
  echo "fetching the Kafka broker and the schema registry with Maven, a minute or two ..." >&2
  fetching=$(mktemp -d)
  run_maven() { mvn -q -B "$@" > "$fetching/log" 2>&1 || { cat "$fetching/log" >&2; exit 1; }; }
  mkdir -p .cache/kafka
  if [ ! -d "$kafka" ]; then
    run_maven -f infra/kafka-pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetching/kafka"
    mv "$fetching/kafka" "$kafka"
  fi
  if [ ! -d "$registry" ]; then
    run_maven -f infra/kafka-pom.xml dependency:copy -Dartifact=io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all -DoutputDirectory="$fetching"
    mkdir "$fetching/registry"
    tar -xzf "$fetching"/apicurio-registry-app-*.tar.gz -C "$fetching/registry"
    mv "$fetching/registry" "$registry"
  fi
  rm -rf "$fetching"
fi
