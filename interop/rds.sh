#!/usr/bin/env bash
# The routes' client against a real control plane, go-control-plane. Needs Go and Rust.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p .work
(cd rds && go build -o ../.work/rds-control-plane .)
export META_RDS_GO_CONTROL_PLANE=$PWD/.work/rds-control-plane
cargo test --manifest-path ../Cargo.toml -p meta-rds --test discovery go_control_plane -- --ignored
