#!/bin/bash
# Skipped instructions as in tests/system/skips.sh, in all that the deciding functions call as well; then instructions
# counted as in tests/system/counts.sh, over 50 times the secrets.
set -u
. tests/board/need.sh
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
for how in everything arithmetic; do
	mkdir "$WORK/$how"
	/usr/bin/python3 tests/board/skips.py "$WORK/$how" $how || exit 1
done
for i in $(seq 50); do
	python3 tests/board/counts.py "$WORK" "$i" >"$WORK/out" || { cat "$WORK/out"; exit 1; }
done
