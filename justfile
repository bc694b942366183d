# `just` lists the recipes.
default:
    @just --list

# Formatting, lints and all Rust tests.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# Unit and property tests only.
fast filter="":
    cargo test --lib {{filter}}

# The modules with unsafe code under valgrind.
valgrind:
    scripts/valgrind

# Everything CI runs.
all:
    scripts/test

# The differential run: just diff strings,lists 200000 7
diff families="all" commands="20000" seed="":
    cargo build
    python3 tests/differential/diff.py --server target/debug/larder --families {{families}} --commands {{commands}} {{ if seed != "" { "--seed " + seed } else { "" } }} --replay-dir target

# Malformed protocol input and the command table against the reference.
protocol:
    cargo build
    python3 tests/differential/protocol.py
    python3 tests/differential/command_docs.py

# The programs on client libraries and frameworks, or those named: just clients celery_worker redis_cli
clients *programs:
    cargo build
    tests/clients/run target/debug/larder {{programs}}

# Fuzzes a reader for a while: just fuzz restore 300. Needs `cargo install cargo-fuzz`; works on stable.
fuzz target seconds="60":
    cargo fuzz run --sanitizer none {{target}} -- -max_total_time={{seconds}}
