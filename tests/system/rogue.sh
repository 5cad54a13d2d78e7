#!/bin/bash
# A hostile station at a real load room (tests/tools/rogue.c): it gets keys for terminals that it legitimately is and no other,
# no id outside rule, nothing by withholding receipts, switching slots or aborting; bdkd answers throughout, and all of it
# stands in the audit.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/hostile/rogue.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

rogue_rooms || exit 1
rogue --rounds "${ROUNDS:-5000}" --seed "${SEED:-1}" || complain "a violation"
kill -0 "$PID_load" || complain "bdkd has ended: $(cat "$WORK/load.err")"
grep -v 'warning: a test room' "$WORK/load.err" && complain "bdkd complains"

# What it did is seen: who tried what, when it was refused, and which ids may be out there.
"$BIN/bdk" audit --room "$WORK/load" >"$WORK/audit" || complain "audit"
seen() {
	local least=$1 n
	shift
	n=$(grep -cE "$@" "$WORK/audit")
	[ "$n" -ge "$least" ] || complain "the audit shows '$*' $n times, not $least"
}
seen 20 'station +abort +RS-2: the rogue'
seen 20 'station +offer +RS-2 FFFF3333330002800000 sent'
seen 1 'station +offer +RS-2 +no device id is left'
seen 3 'station +offer .*certificate not issued by the CA that counts here'
seen 1 'station +offer .*another terminal than the one expected'
seen 2 'station +offer +RS-1 +signature wrong'
seen 2 'station +offer +RS-1 +a nonce, point or KSN was seen before'
seen 1 'station +offer .*not a point on the curve'
seen 1 'station +receipt +RS-1 +signature wrong'
seen 1 'station +session .*not permitted'
seen 1 'station +op [0-9]+ .*not permitted'
grep -qE 'station +offer +RS-9' "$WORK/audit" && complain "the broken twin of the audit (a terminal that never was) is in it"
"$BIN/kif" rebuild --room "$WORK/load" --ledger "$WORK/kif.db" >/dev/null || complain "rebuild"
"$BIN/kif" list --ledger "$WORK/kif.db" >"$WORK/loads" || complain "list"
n=$(grep -c 'FFFF333333.*possibly-loaded' "$WORK/loads")
[ "$n" -eq 10 ] || complain "$n ids of FFFF333333 are possibly loaded, not 10"
[ "$(grep -oE 'FFFF[0-9A-F]{16}|[0-9A-F]{24}' "$WORK/loads" | sort | uniq -d | wc -l)" -eq 0 ] || complain "a KSN twice"

# bdkd takes up its journal again, the audit's chain and all.
stop load
serve load || complain "the room does not open again"

# Broken twins: a rogue that takes an honest room for a broken one has to see it.
for twin in certified range once; do
	rogue --rounds 0 --twin $twin >/dev/null 2>"$WORK/said"
	[ $? -eq 1 ] && grep -q violation "$WORK/said" || complain "the broken twin '$twin' was not caught"
done
exit $fail
