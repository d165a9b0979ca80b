# What CI does, piece by piece; `just` lists it.

default:
    @just --list

# Everything CI runs
ci:
    .ci/run

test:
    cargo test --workspace

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Crates of others, as they would stand outside of the project
examples:
    cp Cargo.lock examples/
    cargo test --workspace --manifest-path examples/Cargo.toml --target-dir target

# The long forms of the tests that CI runs shortened
soak:
    cargo test --workspace --release -- --ignored

# Every fuzz target for so many seconds
fuzz seconds="20":
    .ci/fuzz {{seconds}}

# Real third-party clients and servers through the proxy; `just interop --full` for all
interop *args:
    interop/run.sh {{args}}

# Side by side with Envoy and HAProxy in one run
bench *args:
    bench/run.sh {{args}}

demo:
    cargo run --release -- demo
