#!/usr/bin/env bash
# Builds the second Kafka client, @confluentinc/kafka-javascript (librdkafka), where its prebuilt binary cannot be had: its
# own sources, against this machine's OpenSSL, zlib and zstd. It goes to .cache/confluent and is linked into node_modules,
# so that `npm ci` costs no second build. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.10.1
name=@confluentinc/kafka-javascript
home=.cache/confluent/$version
package=$home/node_modules/$name
works() { node -e "require('$PWD/$package')" > /dev/null 2>&1; }

if ! works; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -qq update > /dev/null
    apt-get -qq install -y --no-install-recommends g++ make python3 pkg-config libssl-dev zlib1g-dev libzstd-dev > /dev/null
  fi
  echo "building $name $version, two minutes or so ..." >&2
  rm -rf "$home"
  mkdir -p "$home"
  log=$(mktemp)
  quietly() { "$@" > "$log" 2>&1 || { tail -50 "$log" >&2; exit 1; }; }
  echo '{ "private": true }' > "$home/package.json"
  quietly npm install --prefix "$home" --ignore-scripts --no-audit --no-fund "$name@$version"
  gyp=$(dirname "$(realpath "$(command -v npm)")")/../node_modules/node-gyp/bin/node-gyp.js
  # Node's headers, where they came with it; else node-gyp fetches them.
  prefix=$(node -p "require('node:path').resolve(process.execPath, '../..')")
  if [ -e "$prefix/include/node/node.h" ]; then headers=(--nodedir "$prefix"); else headers=(); fi
  export CKJS_LINKING=dynamic
  # Configured first: its makefile does not say that all else waits for that.
  (cd "$package" && quietly node util/configure && quietly node "$gyp" rebuild --release -j max "${headers[@]}")
  works || { echo "$name was built, and does not load:" >&2; node -e "require('$PWD/$package')"; }
  # Sources and objects, 270 MB, have served their turn: the libraries are in build.
  rm -rf "$package/deps" "$package/build/Release/obj.target" "$package/build/Release/.deps"
  rm -f "$log"
fi

if [ ! -e "node_modules/$name" ]; then
  mkdir -p "node_modules/${name%/*}"
  ln -sfn "../../$package" "node_modules/$name"
fi
