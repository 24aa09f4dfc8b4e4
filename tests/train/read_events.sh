#!/usr/bin/env bash
# TensorBoard reads the event files that tercet writes. usage: read_events.sh TEST-PROGRAM BUILD-FOLDER
# Its package is kept in BUILD-FOLDER/tensorboard; where it cannot be had the test is skipped.
set -euo pipefail
program=$1 packages=$2/tensorboard
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=$(mktemp -d)
trap 'rm -rf "$events"' EXIT

TERCET_TEST_EVENTS=$events "$program" "tensorboard: a log for the reader"
if ! PYTHONPATH=$packages python3 -c 'import tensorboard' 2>/dev/null; then
    if ! timeout 300 python3 -m pip install --quiet --target "$packages" 'tensorboard>=2.12,<3' setuptools; then
        echo "SKIPPED: train.tensorboard: the Python package tensorboard cannot be installed"
        exit 77
    fi
fi
PYTHONPATH=$packages python3 "$here/read_events.py" "$events"
