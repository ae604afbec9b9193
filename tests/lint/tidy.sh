#!/bin/sh
# clang-tidy over every translation unit of our own. Slow (minutes): label tidy, run by .ci/run.
# Usage: tidy.sh BUILD_FOLDER [FILE_REGEX]
set -eu
build=$1
run-clang-tidy-14 -quiet -extra-arg=-Wno-unknown-warning-option -p "$build" -j "$(nproc)" "${2:-/(common|exporter|webhook|healctl)/.*\.cc$}"
