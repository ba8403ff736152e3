# For scripts that fetch what tests and checks need, from the repository's root: each function leaves alone what is there, and ends the
# script, saying why, where it cannot be had.

# needs_go WHY: Go is there.
needs_go() {
  command -v go > /dev/null && return
  echo "Go is missing, which $1. Install it (https://go.dev/dl), then run this again." >&2
  exit 1
}

# go_program FILE-VERSION PACKAGE WHY [SAYS]: the program of a Go package, at the version that the file's name ends with.
go_program() {
  local file=$1 package=$2 why=$3 says=${4:-} building
  [ ! -x "$file" ] || return 0
  needs_go "$why"
  [ -z "$says" ] || echo "$says" >&2
  building=$(mktemp -d)
  GOBIN="$building" go install -ldflags='-s -w' "$package@v${file##*-}" > "$building/log" 2>&1 || {
    cat "$building/log" >&2
    exit 1
  }
  mkdir -p "$(dirname "$file")"
  mv "$building/$(basename "$package")" "$file"
  rm -rf "$building"
}

# python_home FOLDER PROGRAM WHY PIP-ARGUMENT...: a Python of its own with these packages, unless it has the program.
python_home() {
  local home=$1 program=$2 why=$3
  shift 3
  [ ! -x "$home/bin/$program" ] || return 0
  if ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
    echo "Python with venv is missing, which $why. Install it (apt-get install python3-venv), then run this again." >&2
    exit 1
  fi
  rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
