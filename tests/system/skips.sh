#!/bin/bash
# On the Cortex-M4: no single instruction skipped while the terminal decides makes it obey what it must refuse.
set -u
. tests/board/need.sh
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
/usr/bin/python3 tests/board/skips.py "$WORK"
