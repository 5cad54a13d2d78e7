#!/bin/bash
# The Arm build keeps to terminal/size.txt, and one that did not would be told so.
set -u
. tests/board/need.sh
fail=0
tools/size || fail=1
twin=$(mktemp)
trap 'rm -f "$twin"' EXIT
for column in 2 3 4; do
	awk -v c=$column '/^total/ { $c = 1000 } { print }' terminal/size.txt >"$twin"
	tools/size "$twin" >/dev/null 2>&1 && { echo "the broken twin (1000 bytes in column $column) was not caught"; fail=1; }
done
grep -v '^crypto ' terminal/size.txt >"$twin"
tools/size "$twin" >/dev/null 2>&1 && { echo "the broken twin (a module without a line) was not caught"; fail=1; }
exit $fail
