#!/bin/bash
# A message too long, with fields twice or missing, of an older version or out of order is refused with a reason, which kif or pos
# shows; then the same terminal answers what is right. (An epoch too low: tests/system/epoch.sh.) With BOARD=mps2-an386 on the
# Cortex-M4, as tests/system/board.sh has it.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
three_rooms && "$BIN/bdk" generate --room "$WORK/load" --scheme tdes --id FFFF555555 --for "$WORK/acquirer.crt" --out "$WORK/a.krx" >/dev/null 2>&1 &&
	lease FFFF555555 tdes &&
	boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1

load() { inject TC-1 0 FFFF555555 "unix:$WORK/$1" >"$WORK/out" 2>"$WORK/said"; }
sale() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' |
		"$BIN/pos" --till "unix:$WORK/$1" --slot 0 --count 1 >"$WORK/out" 2>"$WORK/said"
}
# refused STATUS WORDS HOW load|sale: over a line that hurts HELLO or BEGIN; then a good one is answered
refused() {
	local status=$1 words=$2 how=$3 act=$4 before=$(state t1) to=t1.link type=1
	[ "$act" = load ] || to=t1.till type=3
	start relay "relay: listening" python3 tests/line/relay.py "$WORK/relay" "$WORK/$to" "$how" $type || exit 1
	$act relay
	[ $? = "$status" ] && [ "$(grep -vc '^  ' "$WORK/said")" = 1 ] && grep -q "$words" "$WORK/said" ||
		complain "$act, $how: not $status and '$words' but: $(cat "$WORK/said")"
	stop relay
	[ "$before" = "$(state t1)" ] || complain "$act, $how: it changed something"
	grep -q "$words" "$WORK/t1.display" || complain "$act, $how: the display does not say '$words'"
	if [ "$act" = load ]; then
		load t1.link
		[ $? = 77 ] && grep -q 'holds a key' "$WORK/said" || complain "$act, $how: and then it does not serve: $(cat "$WORK/said")"
	else
		sale t1.till || complain "$act, $how: and then it does not serve: $(cat "$WORK/said")"
	fi
}

# The twin: the same line, and nothing is hurt.
for act in load sale; do
	[ $act = load ] && to=t1.link || to=t1.till
	start relay "relay: listening" python3 tests/line/relay.py "$WORK/relay" "$WORK/$to" same 1 || exit 1
	$act relay || complain "the twin, $act over a line that hurts nothing, is refused: $(cat "$WORK/said")"
	stop relay
done
refused 76 'longer than its receiver takes' long load
refused 65 'breaks its format' twice load
refused 65 'ends early' missing:3:32 load # its environment
refused 76 'another version' byte:1:0 load
refused 76 'not expected in this state' byte:0:18 load # CERT
refused 76 'longer than its receiver takes' long sale
refused 65 'breaks its format' twice sale
refused 65 'ends early' missing:2:17 sale # its PAN
refused 76 'not expected in this state' byte:0:5 sale # KEYPAD
exit $fail
