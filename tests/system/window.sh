#!/bin/bash
# A terminal whose loading key nobody pressed is not loaded, and the station says why and what to do; once it is pressed,
# the same command loads it. With BOARD=mps2-an386 on the Cortex-M4, as tests/system/board.sh has it.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

three_rooms || exit 1
"$BIN/bdk" generate --room "$WORK/load" --scheme aes128 --for "$WORK/acquirer.crt" \
	--out "$WORK/set.krx" >/dev/null 2>&1 || exit 1
SET=$("$BIN/bdk" list --room "$WORK/load" --json | sed -n 's/.*"key_set": *"\([0-9A-F]*\)".*/\1/p' | head -n 1)
lease "$SET" aes128 || exit 1
LINK=unix:$WORK/t1.link
start t1 READY "$TERMINAL" --nv "$WORK/t1.nv" --link "$LINK" --till "unix:$WORK/t1.till" --serial TC-1 \
	--root "$(root_of ca)" --display "$WORK/t1.display" --loading key &&
	enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || exit 1

inject TC-1 0 "$SET" "$LINK" >"$WORK/out" 2>&1
[ $? = 75 ] && grep -q 'loading window is closed' "$WORK/out" && grep -q 'loading key' "$WORK/out" ||
	{ complain "the station does not say that the window is closed:"; cat "$WORK/out"; }
grep -q 'loading window is closed' "$WORK/t1.display" || complain "nor does the display"
if [ "${BOARD:-posix}" = posix ]; then kill -USR2 "$PID_t1"; else tools/board --press "$WORK/t1.nv"; fi
until grep -q '^LOADING OPEN' "$WORK/t1.display"; do sleep 0.05; done
inject TC-1 0 "$SET" "$LINK" >"$WORK/out" 2>&1 || { complain "not loaded in the window"; cat "$WORK/out"; }
grep -q '^SLOT 0 LOADED' "$WORK/t1.display" || complain "the display does not say LOADED"
"$TERMINAL" --nv "$WORK/t2.nv" --link "unix:$WORK/l" --till "unix:$WORK/t" --serial TC-2 --root "$(root_of ca)" \
	--loading never 2>"$WORK/err"
[ $? = 64 ] && grep -q 'always or key' "$WORK/err" || complain "--loading never: $(cat "$WORK/err")"
exit $fail
