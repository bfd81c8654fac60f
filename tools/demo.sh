#!/bin/sh
# The main job, end to end, on a real film clip: blurry/sharp pairs, shards, a trained network, a report.
# Makes .venv if it is missing, installs the package there and runs `blurdata demo`; options are passed on.
#   sh tools/demo.sh [--out DIR]
set -eu
here=$(pwd)
cd "$(dirname "$0")/.."
root=$(pwd)
. tools/venv.sh
install_blurdata demo
cd "$here"
exec "$root/.venv/bin/blurdata" demo "$@"
