#!/bin/bash
# It survives: kif, bdk, pos, bdkd (supervisor and worker) and terminal are killed at every second of their acts, in
# birth, boot, enrolment, loading, sale and zeroizing; with the page cache kept, and with the power lost: all that was
# not synced is gone. Then comes the same command again, and the terminal is loaded once, no id was given twice, no
# counter came again, and journal, ledger and the terminal's own word agree. Broken twins of each property are found.
# tests/long/survive.sh does every act, and random ones by the thousand.
set -u
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. tests/survive/tools.sh
mkdir "$WORK/twins" "$WORK/matrix"
python3 -B tests/survive/survive.py twins "$WORK/twins" &&
	python3 -B tests/survive/survive.py matrix "$WORK/matrix" "${STRIDE:-2}"
