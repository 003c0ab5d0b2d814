#!/usr/bin/env bash
# Everything that must hold, in one command. `./test.sh --full` adds what is slow.
# It is quiet but for the test runner's summary lines; a failing step shows all it printed.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

full=false
case "${1-}" in
    "") ;;
    --full) full=true ;;
    *) echo "usage: ./test.sh [--full]" >&2; exit 2 ;;
esac

say() { printf '%s\n' "$*" >&2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# --- what the machine must have -------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs a Debian package, where that can be done without asking for a password.
install_package() {
    command -v apt-get >/dev/null || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1" >"$log" 2>&1 && return
    as_root apt-get update >"$log" 2>&1 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1" >"$log" 2>&1
}

# Unpacks promtool into ./tools. The package itself is not installed, as that would start a Prometheus server.
unpack_promtool() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    local folder=$PWD/tools/promtool
    mkdir -p "$folder" && (
        cd "$folder" && rm -f ./*.deb
        # From Debian 13 on it has a package of its own.
        download() { apt-get download promtool || apt-get download prometheus; }
        download || { as_root apt-get update && download; }
        dpkg -x ./*.deb . && rm -f ./*.deb
    ) >"$log" 2>&1 && [ -x "$folder/usr/bin/promtool" ]
}

# A Python of its own, in ./tools, in front of the machine's: what our features, model client, gateway protocol and pages
# are held against.
install_python() {
    [ -x tools/python/bin/python3 ] || python3 -m venv tools/python || return
    PATH=$PWD/tools/python/bin:$PATH
    python3 -c 'import jsonschema, mlflow, pandas, prometheus_client, uvicorn, zmq' 2>/dev/null ||
        pip --quiet install jsonschema mlflow-skinny pandas prometheus_client pyzmq
}

missing=()
command -v cargo >/dev/null || missing+=("cargo: install Rust with rustup; rust-toolchain.toml names the version")
command -v c++ >/dev/null || install_package g++ || missing+=("c++: a C++ compiler, to build ZeroMQ (Debian: g++)")
PATH=$PWD/tools/promtool/usr/bin:$PATH
command -v promtool >/dev/null || unpack_promtool || missing+=("promtool: it checks our pages (Debian: prometheus)")
command -v valgrind >/dev/null || install_package valgrind || missing+=("valgrind: it counts instructions (Debian: valgrind)")
if [ "${#missing[@]}" -gt 0 ]; then
    say "missing, and could not be installed:"
    for one in "${missing[@]}"; do say "  $one"; done
    exit 1
fi

# --- the checks -----------------------------------------------------------------------------------------------------

failed=()
step() {
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        # What the test runner sums up: how many passed in each of its programs.
        grep -E '^test result: ' "$log" | grep -v ' 0 passed; 0 failed;'
        return 0
    fi
    failed+=("$name")
    say "--- $name failed: $*"
    cat "$log" >&2
}

# Holds rules and dashboards against what the programs can emit.
monitoring_fits() {
    local built=${CARGO_TARGET_DIR:-target}/debug program catalogues=()
    cargo build --quiet --workspace --bins --locked || return
    cargo build --quiet -p instrument-core --features lint,tokio-metrics --bin instrument-lint --locked || return
    for program in sentinel-daemon thunes-scheduler; do
        catalogues+=(--catalogue "$built/$program.json")
        "$built/$program" metrics --format json >"$built/$program.json" || return
    done
    "$built/instrument-lint" "${catalogues[@]}" monitoring/rules/*.yml monitoring/dashboards/*.json
}

step "format" cargo fmt --all --check
step "format of benches" cargo fmt --manifest-path benches/Cargo.toml --check
step "lints" cargo clippy --workspace --all-targets --features instrument-core/lint --locked -- -D warnings
# Many of the tests wait for other processes, so more of them run at once than there are cores.
export RUST_TEST_THREADS=6
step "MCP servers" thunes-scheduler/tests/install-mcp-servers.sh
step "tests" cargo test --workspace --locked --no-fail-fast -- --include-ignored --skip golden:: --skip full::
step "tests of features" cargo test -p instrument-core --features lint,tokio-metrics --lib --test lint --test tokio_runtime \
    --test catalogue_and_page --locked -- --include-ignored --skip full::
step "instructions of a call" cargo run --quiet --release --manifest-path benches/Cargo.toml --no-default-features --locked \
    --bin instructions -- --gate
step "rules and dashboards" monitoring_fits
step "rules" promtool check rules monitoring/rules/*.yml
step "tests of the rules" promtool test rules monitoring/tests/*.yml
step "docs" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
if $full; then
    step "Python" install_python
    # Our features against an independent library's.
    step "golden features" cargo test -p sentinel-daemon --lib --locked -- --include-ignored golden::
    step "slow tests" cargo test --workspace --exclude tests --locked --no-fail-fast -- --include-ignored full::
    # The programs as they ship, also with counterparts that are not ours and over days of market time.
    step "tests of the release build" cargo test --release -p tests --locked -- --include-ignored
fi

if [ "${#failed[@]}" -gt 0 ]; then
    say "failed: ${failed[*]}"
    exit 1
fi
