#!/bin/sh
# Every check: tests, ruff, mypy, import contracts. Makes .venv if it is missing and may be run again.
#   sh tools/test.sh          what a change must pass
#   sh tools/test.sh --all    also the tests that need extra packages (Ray, Chromium)
set -eu
cd "$(dirname "$0")/.."
. tools/venv.sh
case "${1:-}" in
    "") install_blurdata test ;;
    --all) install_blurdata test,ray ;;
    *) echo "usage: sh tools/test.sh [--all]" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$1"; shift; "$@"; }
step "ruff: lint" .venv/bin/ruff check .
step "ruff: format" .venv/bin/ruff format --check .
step "mypy: types" .venv/bin/mypy
step "import-linter: who may import whom" .venv/bin/lint-imports
step "pytest: the promises" .venv/bin/python -m pytest -q -n 2 --dist loadfile
