#!/bin/sh
# Runs shellcheck over every script of the repository.
set -eu
cd "$(git -C "$(dirname "$0")" rev-parse --show-toplevel)"
git grep -lE '^#!.*\b(ba)?sh$' -- . ':!*.md' | xargs -r shellcheck -x
