# One command for each thing that is done often; `just` lists them.

default:
    @just --list

# Everything that CI checks.
check:
    bash .ci/run
    if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed: no advisories looked at"; fi

# The main job on real input.
demo:
    cargo run --release --locked --bin throughline -- demo

# The tests.
test:
    cargo test --workspace --locked

# Format and lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings
    npx --yes @bufbuild/buf@1.75.0 lint

# Licences, advisories, bans (needs cargo-deny).
deny:
    cargo deny check

# Speed of store, index and context assembly.
bench:
    cargo bench --workspace

# The SDKs against a real server.
test-clients:
    scripts/test-clients

# Every command and program of the docs.
check-docs:
    scripts/check-docs
