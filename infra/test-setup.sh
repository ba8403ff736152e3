#!/usr/bin/env bash
# What the tests need beyond `npm ci`: ffmpeg, a browser, a camera (GStreamer's RTSP server), a Python with pyarrow and
# DuckDB in .cache/py, an S3 server in .cache/bin, a Kafka broker and a schema registry in .cache/kafka, a second Kafka
# client in .cache/confluent, TensorFlow under tfjs-node, OpenVINO in .cache/openvino, and what checks the Helm chart and alert rules
# (infra/lint/tools.sh). Says nothing when all is there.
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

if ! command -v "${CHROMIUM_PATH:-chromium}" > /dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -qq update > /dev/null && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core > /dev/null
  else
    echo "chromium is missing, so tests of the page are skipped. Install it (apt-get install chromium) or set CHROMIUM_PATH." >&2
  fi
fi

# The test camera: an RTSP server out of GStreamer, under the system's own Python.
camera='import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import Gst; Gst.init(None)
raise SystemExit(any(Gst.ElementFactory.find(name) is None for name in ("x264enc", "x265enc", "rtph264pay", "breakmydata", "videoconvert")))'
if ! /usr/bin/python3 -c "$camera" 2> /dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -qq update > /dev/null
    apt-get -qq install -y --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 \
      gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly > /dev/null
  else
    echo "The test camera needs GStreamer and its RTSP server (apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly)." >&2
    exit 1
  fi
fi

venv=.cache/py
if ! "$venv/bin/python" -c 'import confluent_kafka.schema_registry.avro, duckdb, lancedb, numpy, pyarrow' 2> /dev/null; then
  if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2> /dev/null; then
    echo "Python 3.9 or newer with venv is missing. Install it (apt-get install python3-venv), then run this again." >&2
    exit 1
  fi
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check pyarrow duckdb numpy lancedb 'confluent-kafka[avro,schemaregistry]'
fi

bash infra/servers.sh
bash infra/lint/tools.sh

if ! command -v "${CXX:-g++}" > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  apt-get -qq update > /dev/null && apt-get -qq install -y --no-install-recommends g++ > /dev/null
fi
node infra/build-tfjs.mjs
bash infra/build-openvino.sh
bash infra/build-confluent.sh
