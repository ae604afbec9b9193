#!/bin/sh
# Is every C++ file as clang-format 14 would write it? Says which are not; `format.sh --fix` writes them.
set -eu
cd "$(git -C "$(dirname "$0")" rev-parse --show-toplevel)"
mode='--dry-run -Werror'
[ "${1:-}" != --fix ] || mode=-i
# shellcheck disable=SC2086  # two words on purpose
git ls-files -z '*.h' '*.cc' | xargs -0 -r clang-format-14 --style=file $mode
