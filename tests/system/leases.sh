#!/bin/bash
# Device ids come out of leases: granted once by the ca room, accepted by the room that they are for, in force; dictated by
# manifest; and when they are used up, out of the key set that follows. What is wrong is refused with a line, and issues nothing.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
LINK=unix:$WORK/t1.link A=FFFF111111 B_SET=FFFF222222

# refused PATTERN COMMAND...: it fails, says why, and the load room has issued and accepted nothing
issued() { "$BIN/bdk" list --room "$WORK/load" --json; "$BIN/bdk" leases --room "$WORK/load" --json; }
refused() {
	local pattern=$1 before
	shift
	before=$(issued)
	"$@" >"$WORK/out" 2>"$WORK/said" && complain "$*: not refused: $(cat "$WORK/out")"
	grep -qE "$pattern" "$WORK/said" || complain "$*: does not say '$pattern': $(cat "$WORK/said")"
	[ "$before" = "$(issued)" ] || complain "$*: changed something"
}
# grant FILE OPTION...: a lease for the room "load"
grant() {
	local file=$1
	shift
	"$BIN/bdk" lease --room "$WORK/ca" --scheme tdes --for "$WORK/load.crt" "$@" >"$WORK/$file"
}
accept() { "$BIN/bdk" accept --room "$WORK/load" "$WORK/$1"; }
ksn() { printf '%s%010X' "$1" $(($2 << 21)); }
# loads SLOT KEYSET KSN [WHAT]: it is loaded with that KSN, and kif says WHAT
loads() {
	inject TC-1 "$1" "$2" "$LINK" >"$WORK/out" 2>"$WORK/said" || complain "slot $1: $(cat "$WORK/said")"
	grep -q "initial KSN $3 " "$WORK/out" || complain "slot $1 is not loaded with $3: $(cat "$WORK/out")"
	[ $# -lt 4 ] || grep -qE "$4" "$WORK/out" || complain "slot $1: kif does not say '$4': $(cat "$WORK/out")"
}

three_rooms && room load2 load >/dev/null && serve load2 && certify ca load2 load || die "rooms"
for s in $A $B_SET; do
	"$BIN/bdk" generate --room "$WORK/load" --scheme tdes --id $s --for "$WORK/acquirer.crt" --out "$WORK/$s.krx" >/dev/null 2>&1 || die "$s"
done
boot t1 TC-1 ca "$LINK" && enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || die "t1"

# --- Granted once, to one room ----------------------------------------------------------------------------------------
refused "key set $A has no lease of device ids: bdk lease in the ca room, then bdk accept" inject TC-1 0 $A "$LINK"
"$BIN/bdk" lease --room "$WORK/ca" --key-set $A --scheme tdes --elsewhere 0-99 >"$WORK/out" || complain "elsewhere"
grep -q 'noted as issued elsewhere' "$WORK/out" || complain "elsewhere: $(cat "$WORK/out")"
grant a.lease --key-set $A --count 2 || die "lease"
grep -q "device ids 100-101, for load" "$WORK/a.lease" || complain "the lowest ids that nobody has: $(head -n 1 "$WORK/a.lease")"
refused '50-120|0-99 were noted as issued elsewhere before' grant x --key-set $A --range 50-120
refused '100-101 were granted before' grant x --key-set $A --range 101-110
refused 'device ids are FIRST-LAST' grant x --key-set $A --range 5-4
"$BIN/bdk" lease --room "$WORK/ca" --again 2 | cmp -s - "$WORK/a.lease" || complain "a lease is not printed again"

# --- Accepted by the room that it is for ------------------------------------------------------------------------------
python3 - "$WORK/a.lease" "$WORK/forged.lease" <<'END'
import base64, re, sys
text = open(sys.argv[1]).read()
body = re.search(r"-----\n(.*)\n-----END", text, re.S).group(1)
der = bytearray(base64.b64decode(body))
der[22] ^= 1	# more ids than were granted
open(sys.argv[2], "w").write(text.replace(body, base64.encodebytes(bytes(der)).decode().strip()))
END
refused 'signature' accept forged.lease
"$BIN/bdk" accept --room "$WORK/load2" "$WORK/a.lease" >"$WORK/out" 2>&1 && complain "another room accepts it"
grep -qE 'lease 2 is for another load room' "$WORK/out" || complain "another room: $(cat "$WORK/out")"
accept a.lease >"$WORK/out" || complain "accept"
grep -q "key set $A (tdes), device ids 100-101" "$WORK/out" || complain "accept says: $(cat "$WORK/out")"
accept a.lease | grep -q 'accepted before' || complain "accepting it again is not said"
refused 'no key set of this room' "$BIN/bdk" chain --room "$WORK/load" --key-set $A --next FFFF999999
grant old.lease --key-set $B_SET --range 0-9 || die "old.lease"

# --- A newer epoch: what was granted before and not accepted is refused ---------------------------------------------------
"$BIN/bdk" epoch --room "$WORK/ca" --raise >/dev/null || complain "raise"
refused 'of epoch 1, this room is at epoch 2: certify it anew' grant x --key-set $B_SET --range 10-19
certify ca load load || die "certify anew"
refused 'lease 3 is of epoch 1, this room needs epoch 2 or higher' accept old.lease
grant b.lease --key-set $B_SET --range 10-99 && accept b.lease >/dev/null || complain "a lease of the new epoch"

# --- Issued, and followed ---------------------------------------------------------------------------------------------
loads 0 $A "$(ksn $A 100)" '1 device ids are left.*: the room needs another lease'
loads 1 $A "$(ksn $A 101)"
refused 'no device id of key set FFFF111111 is left: another lease .*bdk chain' inject TC-1 2 $A "$LINK"
"$BIN/bdk" chain --room "$WORK/load" --key-set $A --next $B_SET >/dev/null || complain "chain"
refused 'leads to .* already' "$BIN/bdk" chain --room "$WORK/load" --key-set $B_SET --next $A
loads 2 $A "$(ksn $B_SET 10)" "key set $A is used up: this one follows it"
"$BIN/kif" show TC-1 --ledger "$WORK/kif.db" | grep -q "$(ksn $B_SET 10)" || complain "the ledger does not have it"

# --- Dictated ---------------------------------------------------------------------------------------------------------
"$BIN/kif" list --ledger "$WORK/kif.db" | grep -q 'software token' && complain "a test room is said to be a production room"
manifest() { printf "$1" >"$WORK/manifest" && "$BIN/bdk" manifest --room "$WORK/load" "$WORK/manifest"; }
line() { printf 'serial = %s\nkey_set = %s\nslot = %s\n' "$1" "$2" "$3"; [ $# -lt 4 ] || echo "ksn = $4"; echo; }
refused 'line [0-9]*: device id 500 is in no lease in force' manifest "$(line TC-2 $B_SET 0 "$(ksn $B_SET 20)")\n\n$(line TC-1 $B_SET 3 "$(ksn $B_SET 500)")\n"
refused 'line [0-9]*: that is no KSN of key set' manifest "$(line TC-1 $B_SET 3 "$(ksn $A 100)")\n"
refused 'line [0-9]*: device id 10 was used' manifest "$(line TC-1 $B_SET 3 "$(ksn $B_SET 10)")\n"
manifest "$(line TC-2 $B_SET 0 "$(ksn $B_SET 11)")\n\n$(line TC-1 $B_SET 3 "$(ksn $B_SET 77)")\n\n$(line TC-1 $A 0)\n" >"$WORK/out" ||
	complain "manifest"
grep -q 'manifest taken: 3 terminals' "$WORK/out" || complain "manifest says: $(cat "$WORK/out")"
sum=$(printf '%s\n' "TC-2 $B_SET 0 $(ksn $B_SET 11)" "TC-1 $B_SET 3 $(ksn $B_SET 77)" "TC-1 $A 0" | sha256sum | cut -c1-64 | tr a-f A-F)
"$BIN/bdk" audit --room "$WORK/load" | grep -q " manifest  *3 lines $sum " || complain "the audit does not say which manifest"
sum=$(printf 'TC-1\n' | sha256sum | cut -c1-64 | tr a-f A-F)
"$BIN/bdk" audit --room "$WORK/load" | grep -q " session  *.* 1 terminals $sum " || complain "the audit does not say of which terminals a session is"
refused 'dictated' manifest "$(line TC-3 $B_SET 0 "$(ksn $B_SET 77)")\n"
loads 3 $B_SET "$(ksn $B_SET 77)"
zeroize() { "$BIN/kif" zeroize --room "$WORK/load" --port "$LINK" --serial TC-1 --slot "$1" --reason reload --ledger "$WORK/kif.db" >/dev/null 2>&1; }
zeroize 0 && zeroize 2 || complain "zeroize"
refused "the manifest says key set $A for slot 0 of TC-1" inject TC-1 0 $B_SET "$LINK"
loads 2 $B_SET "$(ksn $B_SET 12)" # 11 is TC-2's

# --- Told -------------------------------------------------------------------------------------------------------------
"$BIN/bdk" list --room "$WORK/load" --json >"$WORK/list" && "$BIN/bdk" leases --room "$WORK/load" --json >"$WORK/leases" &&
	python3 - "$WORK/list" "$WORK/leases" <<'END' || complain "the forecast"
import json, sys
a, b = sorted(json.load(open(sys.argv[1])), key=lambda s: s["key_set"])
assert (a["issued"], a["left"], a["week"], a["month"], a["next"]) == (2, 0, 2, 2, "FFFF222222"), a
assert (b["issued"], b["left"], b["week"], b["month"], b["skipped"]) == (3, 87, 3, 3, 0), b
states = {(l["first"], l["last"]): (l["state"], l["left"]) for l in json.load(open(sys.argv[2]))}
assert states == {(100, 101): ("used up", 0), (10, 99): ("in force", 87)}, states
END
"$BIN/bdk" list --room "$WORK/load" | grep -qE "^KEY SET .* ISSUED .* SKIPPED .* LEFT .* 7 DAYS .* 30 DAYS" || complain "bdk list"
"$BIN/bdk" leases --room "$WORK/ca" | grep -q 'elsewhere' || complain "bdk leases in the ca room"
exit $fail
