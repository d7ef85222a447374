# Short names for the commands of CONTRIBUTING.md.

# every check and test, as CI runs them
check:
    cargo xtask test

# without clippy, documentation and cargo-deny
quick:
    cargo xtask test --quick

# only the rules of the house
house:
    cargo xtask check

# the main job on one page, with scripted agents
demo:
    cargo run --release -- demo

# measures, and writes docs/benchmarks.md
bench:
    cargo xtask bench --write

# shell completions and man pages under target/
docs:
    cargo xtask docs
