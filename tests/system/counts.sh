#!/bin/bash
# On the Cortex-M4: whatever the terminal does with a secret takes as many instructions with any other.
set -u
. tests/board/need.sh
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
python3 tests/board/counts.py "$WORK"
