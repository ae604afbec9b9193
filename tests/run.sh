#!/usr/bin/env bash
# Builds promheal and runs all its tests. On a bare Debian 12, as root, it first installs what is missing.
#
#   tests/run.sh                  everything: unit golden lint contract crash, then e2e on a real Docker engine
#   tests/run.sh --quick          build and the unit tests
#   tests/run.sh --label A|B      only the tests of these labels (unit threads golden lint contract crash e2e tidy fuzz;
#                                 showcase: of e2e, the five systems of compose/showcase alone)
#   tests/run.sh --preset NAME    dev (default), asan, tsan, coverage; fuzz builds the fuzzers only, tidy (for --label tidy) nothing
#   tests/run.sh --build          builds what the chosen tests need, and runs none of them
#
# Ends with a line "N passed, N failed"; exits 0 only if something ran and nothing failed. What is missing fails, never skips.
set -uo pipefail
# shellcheck source=compose/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../compose/lib.sh"
cd "$HEAL_ROOT" || exit 1

preset=dev
labels='unit|golden|lint|contract|crash|e2e'
only_build=false
while [ $# -gt 0 ]; do
  case $1 in
    --quick) labels=unit ;;
    --build) only_build=true ;;
    --preset) preset=${2:?--preset needs a name}; shift ;;
    --label) labels=${2:?--label needs a regular expression}; shift ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'; see --help"; exit 2 ;;
  esac
  shift
done

started=$SECONDS
passed=0
failed=0
failures=()

# A part that could not even run counts as one failure, named.
broken() { failed=$((failed + 1)); failures+=("$1"); fail "$1"; }

wants() { [[ $1 =~ ^($labels)$ ]]; }

finish() {
  local name
  echo
  for name in "${failures[@]:0:40}"; do echo "FAILED  $name"; done
  echo "preset $preset, labels $labels, $((SECONDS - started)) s"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

prepare() {
  local packages
  mapfile -t packages < <(packages_of build lint engine contract)
  install_packages "${packages[@]}" || { broken "install the packages of tests/packages.txt"; return 1; }
  # A clone owned by another user than root's own is still ours to read the revision of.
  git rev-parse HEAD >/dev/null 2>&1 || note "not a git work tree: --version will say 'unknown'"
}

build() {
  local log=build/$preset/build.log targets=() needed
  needed=("label_${labels//|/ label_}")
  case $preset in
    fuzz) targets=(--target fuzzers) ;;
    asan | tsan) read -ra targets <<<"--target programs ${needed[*]}" ;;
  esac
  local compile=(cmake --build --preset "$preset" -j "$(nproc)" "${targets[@]}")
  [ "$preset" != tidy ] || compile=(true)
  mkdir -p "build/$preset"
  say "building (preset $preset)"
  if ! { cmake --preset "$preset" && "${compile[@]}"; } >"$log" 2>&1 </dev/null; then
    grep -nE 'error|FAILED|Error' "$log" | head -n 40
    tail -n 30 "$log"
    broken "build of preset $preset (log: $log)"
    return 1
  fi
  note "built in $((SECONDS - started)) s since the start"
}

prepare_engine() {
  wants contract || wants e2e || wants showcase || return 0
  ensure_docker || { broken "a Docker engine"; return 1; }
  compose/images.sh base debian || { broken "test images"; return 1; }
}

# run_ctest LABELS JOBS: adds the results of one ctest run to the totals.
run_ctest() {
  local report=build/$preset/report-${1%%|*}.xml counts verdict name fixed_addresses=()
  rm -f "$report"
  # ThreadSanitizer cannot map its shadow where the kernel randomises addresses widely.
  [ "$preset" = tsan ] && setarch -R true 2>/dev/null && fixed_addresses=(setarch -R)
  export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
  "${fixed_addresses[@]}" ctest --test-dir "build/$preset" -L "^($1)\$" -j "$2" --output-on-failure --output-junit "$PWD/$report" </dev/null
  counts=$(python3 tests/report.py "$report") || { broken "ctest of labels $1 left no report"; return 1; }
  while read -r verdict name; do
    case $verdict in
      passed) passed=$((passed + name)) ;;
      failed) failed=$((failed + 1)); failures+=("$name") ;;
    esac
  done <<<"$counts"
}

if ! { prepare && build; }; then
  finish
fi
[ "$only_build" = false ] || exit 0
prepare_engine || finish
parallel=$(tr '|' '\n' <<<"$labels" | grep -vxE 'e2e|showcase' | paste -sd '|')
if [ -n "$parallel" ]; then
  say "tests: ${parallel//|/ }"
  run_ctest "$parallel" $(($(nproc) + 1))  # one of them waits for deadlines, mostly
fi
# One at a time: a stack heals every container of the engine that lets itself be healed.
for alone in e2e showcase; do
  if wants "$alone"; then
    say "tests: $alone"
    run_ctest "$alone" 1
  fi
done
finish
