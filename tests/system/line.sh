#!/bin/bash
# A bad line: real enrolments and loadings through tests/tools/noise.c, unplugged at bytes spread over the session and damaged
# in every other way; each ends in success, or in a status that a clean line mends, with one key of one KSN. Nobody who taps
# the line sees a key. tests/long/line.sh tries every byte.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/line/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
line_rooms || exit 1
python3 tests/line/line.py "$BIN" "$TEST" "$WORK" sample 30 || fail=1
no_key_on_the_line || fail=1

# The same over a serial line (a pseudo-terminal through libserialport), at the pace of 115200 baud.
boot t0 TC-0 ca "unix:$WORK/t0.link" || exit 1
start noise "noise: listening" "$TEST/tools/noise" --listen "pty:$WORK/tty" --to "$WORK/t0.link" --baud 115200 \
	--at 300:flip --at 1600:drop || exit 1
tty=$(readlink -f "$WORK/tty")
SHIMMED="env LD_PRELOAD=$SHIM KEYROOM_TTY_SHIM=$tty"
enrol t0 TC-0 ca "$tty:115200" >"$WORK/out" 2>&1 || { echo "enrolment over a serial line: $(cat "$WORK/out")"; fail=1; }
inject TC-0 0 44444444 "$tty:115200" >"$WORK/out" 2>&1 || { echo "load over a serial line: $(cat "$WORK/out")"; fail=1; }
[ "$(grep -c '^noise: [a-z]* at' "$WORK/noise.log")" = 2 ] || { echo "the serial line was not damaged"; fail=1; }
exit $fail
