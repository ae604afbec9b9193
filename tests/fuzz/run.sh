#!/usr/bin/env bash
# Builds the fuzzers (preset fuzz, clang) and runs each for SECONDS (default 20).
#   tests/fuzz/run.sh [SECONDS] [NAME…]     NAME: http_head, yaml, … ; all of them when none is given
# New inputs are kept in build/fuzz/tests/fuzz/found/NAME, failing ones beside it as crash-NAME-…. Not 0 when one failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-20}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "usage: tests/fuzz/run.sh [SECONDS] [NAME…]" >&2; exit 2; }
shift || true
cmake --preset fuzz -DHEAL_FUZZ_SECONDS="$seconds" >/dev/null
cmake --build --preset fuzz --target fuzzers
pattern='.*'
[ $# = 0 ] || pattern=$(IFS='|'; echo "$*")
ctest --test-dir build/fuzz -L '^fuzz$' -R "^fuzz_($pattern)\$" -j "$(nproc)" --output-on-failure --no-tests=error
