#!/bin/bash
# The power goes at every store of everything that the firmware stores on the Cortex-M4, and anywhere while it sells: it is
# in the state before or after, no counter goes back, no KSN comes twice.
set -u
. tests/board/need.sh
WORK=$(mktemp -d)
BOARD=mps2-an386
. tools/rooms.sh
. tests/board/life.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
life t || { echo "the terminal has no life to cut"; exit 1; }
python3 tests/board/cuts.py forgets "$WORK" t || exit 1
stop_all
python3 tests/board/cuts.py stores "$WORK" t || exit 1
python3 tests/board/cuts.py switch "$WORK" t || exit 1
python3 tests/board/cuts.py exits "$WORK" t 97 || exit 1
python3 tests/board/cuts.py kills "$WORK" t 20 || exit 1
