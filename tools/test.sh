#!/bin/sh
# Every check: tests, ruff, mypy, import contracts. Makes .venv if it is missing and may be run again.
#   sh tools/test.sh          what a change must pass
#   sh tools/test.sh --all    also the tests that need extra packages (Ray, Chromium)
set -eu
cd "$(dirname "$0")/.."
. tools/venv.sh
bring_chromium() {  # for the tests of the report; without it they are skipped with a reason
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        { apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null 2>&1 || echo "Chromium could not be installed; browser tests will be skipped." >&2
    fi
}

case "${1:-}" in
    "") install_blurdata test ;;
    --all) install_blurdata test,ray; bring_chromium ;;
    *) echo "usage: sh tools/test.sh [--all]" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$1"; shift; "$@"; }
step "ruff: lint" .venv/bin/ruff check .
step "ruff: format" .venv/bin/ruff format --check .
step "mypy: types" .venv/bin/mypy
step "import-linter: who may import whom" .venv/bin/lint-imports
export OMP_NUM_THREADS=1  # two processes fill two cores: threads of BLAS and torch that wait for one another would double the time
step "pytest: the promises" .venv/bin/python -m pytest -q -n 2 --dist loadfile
