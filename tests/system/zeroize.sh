#!/bin/bash
# A loaded slot is zeroized and loaded again: real rooms, a real terminal, a line that loses and hurts messages. What the
# terminal sold before and after is recovered; nobody but its own room empties it; whatever is lost, the same command settles.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

LINK=unix:$WORK/t1.link
# zeroize SLOT [OPTION...]: of $SERIAL over $PORT, for $REASON
PORT=$LINK SERIAL=TC-1 REASON=reload
zeroize() {
	local slot=$1
	shift
	"$BIN/kif" zeroize --room "$WORK/load" --port "$PORT" --serial "$SERIAL" --slot "$slot" --reason "$REASON" \
		--ledger "$WORK/kif.db" "$@" >"$WORK/out" 2>&1
}
said() { grep -qE "$1" "$WORK/out" || { complain "no '$1' in:"; sed 's/^/    /' "$WORK/out"; }; }
load() { inject TC-1 "$1" "$2" "$LINK" >"$WORK/out" 2>&1 || { cat "$WORK/out"; complain "slot $1 is not loaded"; }; }
sell() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = track two\n' |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot "$1" --count 2 >"$WORK/sale" 2>"$WORK/sale.err"
}
# sells SLOT: it does, and the acquirer recovers it; prints the first KSN
sells() {
	sell "$1" || complain "slot $1 does not sell: $(cat "$WORK/sale.err")"
	"$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/sale" >"$WORK/clear" || complain "acquirer decrypt"
	[ "$(grep -cx 'pin = 1234' "$WORK/clear")" = 2 ] && [ "$(grep -cx 'mac_verdict = ok' "$WORK/clear")" = 2 ] ||
		complain "what slot $1 sold is not recovered"
	KSN=$(sed -n 's/^ksn = //p' "$WORK/sale" | head -n 1)
}
empty() { ! sell "$1" && grep -q 'holds no key' "$WORK/sale.err" || complain "slot $1 is not empty: $(cat "$WORK/sale.err")"; }
# ledger STATE...: what TC-1's loads are, in the order of their KSNs
ledger() {
	local is
	is=$("$BIN/kif" list --ledger "$WORK/kif.db" | awk '$2 == "TC-1" { print $6, $8 }' | sort | awk '{ printf "%s%s", n++ ? " " : "", $2 }')
	[ "$is" = "$*" ] || complain "the ledger says '$is', not '$*'"
}
tap() { start tap "tap: listening" "$TEST/tools/tap" pass --listen "$WORK/tap" --to "$WORK/t1.link" "$@" && PORT=unix:$WORK/tap; }
untap() { stop tap; PORT=$LINK; }

three_rooms || exit 1
"$BIN/bdk" generate --room "$WORK/load" --scheme tdes --for "$WORK/acquirer.crt" --out "$WORK/set.krx" >/dev/null 2>&1 &&
	"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/set.krx" >/dev/null || exit 1
SET=$("$BIN/bdk" list --room "$WORK/load" --json | sed -n 's/.*"key_set": *"\([0-9A-F]*\)".*/\1/p' | head -n 1)
lease "$SET" tdes || exit 1
boot t1 TC-1 ca "$LINK" && enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || exit 1

# Load, sell, zeroize, load again, sell: another KSN, and both are the acquirer's.
load 0 "$SET"
sells 0
first=${KSN%?????}
inject TC-1 0 "$SET" "$LINK" >"$WORK/out" 2>&1 && complain "a loaded slot is loaded again"
zeroize 0 || complain "status $? of zeroize"
said '^TC-1 slot 0: zeroized'
said "^slot 0 .*$SET.* zeroized\$"
grep -q '^SLOT 0 EMPTY' "$WORK/t1.display" || complain "the display does not say EMPTY"
ledger zeroized
empty 0
load 0 "$SET"
said 'load count 2'
sells 0
[ "${KSN%?????}" != "$first" ] || complain "the same KSNs again: $KSN"
ledger zeroized loaded

# RECEIPT is lost: the same command settles it; and once more says the same.
tap --cut RECEIPT
zeroize 0 --timeout 1 && complain "zeroized without a RECEIPT"
said 'same command again'
untap
ledger zeroized loaded
empty 0
for again in 1 2; do
	zeroize 0 || complain "it is not settled"
	said '^TC-1 slot 0: already empty: settled'
	ledger zeroized zeroized
done

# ZEROIZE is lost, then hurt: the key stays, and is wiped over a line that is good again.
load 0 "$SET"
tap --cut ZEROIZE
zeroize 0 --timeout 1 && complain "zeroized without a ZEROIZE"
untap
sells 0
tap --flip ZEROIZE:300
before=$(state t1)
zeroize 0 && complain "a hurt ZEROIZE is obeyed"
said 'signature wrong'
untap
[ "$before" = "$(state t1)" ] || complain "a hurt ZEROIZE changes something"
mkdir "$WORK/wire"
tap --save "$WORK/wire"
zeroize 0 || complain "zeroize over the tap"
untap
empty 0

# The same ZEROIZE again, to a later load.
load 0 "$SET"
before=$(state t1)
"$TEST/tools/tap" replay --to "$WORK/t1.link" "$WORK"/wire/*-HELLO "$WORK"/wire/*-ZEROIZE >"$WORK/out" 2>&1
said 'ZEROIZE -> ABORT: signature wrong'
"$TEST/tools/tap" replay --to "$WORK/t1.link" "$WORK"/wire/*-ZEROIZE >"$WORK/out" 2>&1
said 'ZEROIZE -> ABORT: '
[ "$before" = "$(state t1)" ] || complain "a replayed ZEROIZE changes something"
sells 0

# A foreign room's ZEROIZE.
room ca2 ca >/dev/null && serve ca2 && room load2 load >/dev/null && serve load2 && certify ca2 load2 load || exit 1
before=$(state t1)
"$BIN/kif" zeroize --room "$WORK/load2" --port "$LINK" --serial TC-1 --slot all --reason decommission \
	--ledger "$WORK/kif2.db" >"$WORK/out" 2>&1 && complain "a foreign room zeroizes"
said 'environment'
[ "$before" = "$(state t1)" ] || complain "a foreign room's ZEROIZE changes something"
sells 0

# Another terminal than the one named; a slot and a reason that are none.
zeroize 7 && complain "slot 7 is zeroized"
said 'no slot 7'
zeroize 9 && complain "slot 9 is zeroized"
REASON=whim zeroize 0 && complain "a whim is a reason"
said 'reject, decommission or reload'
SERIAL=TC-2 zeroize 0 && complain "TC-2 is TC-1"
said 'another terminal|expected TC-2'
sells 0

# A revoked terminal is loaded no more, but all its keys can be wiped.
load 2 "$SET"
"$BIN/bdk" revoke --room "$WORK/ca" TC-1 --reason "reported stolen" >/dev/null && carry_list ca load || complain "revoke"
inject TC-1 1 "$SET" "$LINK" >"$WORK/out" 2>&1 && complain "a revoked terminal is loaded"
REASON=decommission zeroize all --json || complain "a revoked terminal is not zeroized"
said '"slot": "all"'
[ "$(grep -c '"state": "zeroized"' "$WORK/out")" = 2 ] || complain "not both loads are zeroized"
empty 0
empty 2

# The journal tells the same to a ledger made anew, and the audit names each.
"$BIN/kif" show TC-1 --ledger "$WORK/kif.db" >"$WORK/before"
"$BIN/kif" rebuild --room "$WORK/load" --ledger "$WORK/kif.db" >/dev/null || complain "rebuild"
"$BIN/kif" show TC-1 --ledger "$WORK/kif.db" | diff "$WORK/before" - || complain "the rebuilt ledger differs"
"$BIN/bdk" audit --room "$WORK/load" >"$WORK/audit" || complain "audit"
for line in 'session +to zeroize, 1 terminals' 'zeroize +TC-1 slot 0, reload' 'zeroize +TC-1 slot 0, empty already' \
	'zeroize +TC-1 all slots, decommission' 'wiped +TC-1 slot 0, zeroized' 'wiped +TC-1 all slots, zeroized'; do
	grep -qE "station +$line" "$WORK/audit" || complain "the audit does not show '$line'"
done
exit $fail
