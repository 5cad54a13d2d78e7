#!/bin/bash
# Terminal against host over the real link, a slot for each scheme: COUNT sales a scheme, and the acquirer recovers each PIN, MAC
# and text from its KSN; no KSN comes twice, and their counters go up by the rule. tests/long/sales.sh makes 10,000. With
# BOARD=mps2-an386 on the Cortex-M4, as tests/system/board.sh has it.
set -u
COUNT=${COUNT:-200}
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

three_rooms || exit 1
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1
slot=0
for scheme in tdes aes128 aes192 aes256; do
	"$BIN/bdk" generate --room "$WORK/load" --scheme $scheme --for "$WORK/acquirer.crt" --out "$WORK/$scheme.krx" >"$WORK/out" 2>/dev/null &&
		"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/$scheme.krx" >/dev/null || exit 1
	set=$(sed -n 's/.*key set \([0-9A-F]*\).*/\1/p' "$WORK/out" | head -n 1)
	lease "$set" $scheme || exit 1
	inject TC-1 $slot "$set" "unix:$WORK/t1.link" >"$WORK/out" 2>&1 || { cat "$WORK/out"; exit 1; }
	printf 'pan = 4111111111111111\npin = 90210\namount = 1999\ndata = track two of %s\n' $scheme |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot $slot --count "$COUNT" >"$WORK/$scheme.sales" || complain "pos, $scheme"
	"$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/$scheme.sales" >"$WORK/$scheme.clear" || complain "acquirer, $scheme"
	for line in 'pin = 90210' 'mac_verdict = ok' "data_clear = track two of $scheme"; do
		[ "$(grep -cxF "$line" "$WORK/$scheme.clear")" = "$COUNT" ] ||
			complain "$scheme: '$line' came $(grep -cxF "$line" "$WORK/$scheme.clear") times, not $COUNT"
	done
	sed -n 's/^ksn = //p' "$WORK/$scheme.sales" >"$WORK/$scheme.ksn"
	[ "$(wc -l <"$WORK/$scheme.ksn")" = "$COUNT" ] || complain "$scheme: not a KSN each"
	LC_ALL=C sort -uc "$WORK/$scheme.ksn" || complain "$scheme: a KSN came twice, or a counter went back"
	slot=$((slot + 1))
done
exit $fail
