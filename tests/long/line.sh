#!/bin/bash
# The long form of tests/system/line.sh: the line unplugged at every byte of a loading and of an enrolment, every kind of damage
# at every few bytes, then line noise at random for SECS (an hour). Seeds and what came of each session are printed.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/line/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
line_rooms || exit 1
python3 tests/line/line.py "$BIN" "$TEST" "$WORK" every 0 || fail=1
no_key_on_the_line || fail=1
rm -f "$WORK"/tap.* "$WORK"/kif-*.db*
python3 tests/line/line.py "$BIN" "$TEST" "$WORK" storm "${SECS:-3600}" || fail=1
no_key_on_the_line || fail=1
exit $fail
