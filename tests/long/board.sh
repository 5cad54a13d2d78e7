#!/bin/bash
# On the Cortex-M4: 700,000 bytes of noise on both lines, then a good frame; QEMU ends at every store of a sale, and is killed
# 300 times while it sells.
set -u
. tests/board/need.sh
WORK=$(mktemp -d) BOARD=mps2-an386
. tools/rooms.sh
. tests/board/life.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
python3 tests/board/noise.py "$WORK" 700000 || exit 1
life t || { echo "the terminal has no life to cut"; exit 1; }
stop_all
python3 tests/board/cuts.py exits "$WORK" t 1 && python3 tests/board/cuts.py kills "$WORK" t 300
