#!/bin/bash
# What is recorded of a whole life: loads, lost and refused messages, an id in doubt, zeroized and superseded slots, bdkd and kif
# killed in between. The ledger made anew from the journal is row for row the one that grew; the hand-over pack says the same to
# people, to openssl and to the acquirer, who refuses what it revokes; whoever changes a byte of it is found out.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
LINK=unix:$WORK/t1.link SET=FFFF000001

three_rooms || die "rooms"
for s in "$SET tdes" "00000002 aes128"; do
	set -- $s
	"$BIN/bdk" generate --room "$WORK/load" --scheme $2 --id $1 --for "$WORK/acquirer.crt" --out "$WORK/$1.krx" \
		>/dev/null 2>&1 && lease $1 $2 || die "generate $1"
done
"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/$SET.krx" >/dev/null || die "import"
for t in 1 2; do
	boot t$t TC-$t ca "unix:$WORK/t$t.link" && enrol t$t TC-$t ca "unix:$WORK/t$t.link" >/dev/null 2>&1 || die "t$t"
done

load() { inject TC-1 "$1" "${2:-$SET}" "${3:-$LINK}" --timeout 2 >"$WORK/out" 2>&1; }
loads() { load "$@" || complain "load $*: $(cat "$WORK/out")"; }
fails() { load "$@" && complain "load $* works"; }
tap() { start tap "tap: listening" "$TEST/tools/tap" pass --listen "$WORK/tap" --to "$WORK/t1.link" "$@"; }
zeroize() {
	"$BIN/kif" zeroize --room "$WORK/load" --port "$LINK" --serial TC-1 --slot "$1" --reason reload --ledger "$WORK/kif.db" \
		>"$WORK/out" 2>&1 || complain "zeroize $1: $(cat "$WORK/out")"
}
sell() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot "$1" --count 1
}
recovers() { "$BIN/acquirer" decrypt --room "$WORK/acquirer" "$1" >"$WORK/out" 2>&1; }
kill_load() { kill -9 "$PID_load"; wait "$PID_load" 2>/dev/null; serve load || die "load again"; }

# --- A life -----------------------------------------------------------------------------------------------------------
tap --cut KEY;     fails 0 "$SET" "unix:$WORK/tap"; stop tap		# an id is taken, and nothing arrives
kill_load
loads 1									# so that the count goes on
loads 0									# the id is in doubt now: burned
loads 2 00000002
sell 0 >"$WORK/sale" && recovers "$WORK/sale" || complain "sale: $(cat "$WORK/out")"
zeroize 0
tap --cut RECEIPT; fails 0 "$SET" "unix:$WORK/tap"; stop tap		# loaded, and nobody knows
kill_load
"$BIN/bdk" handover --room "$WORK/load" --out "$WORK/first.pack" >/dev/null || complain "handover"
loads 0									# the OFFER is the receipt
zeroize 1
tap --flip KEY:900; fails 1 "$SET" "unix:$WORK/tap"; stop tap
# kif is killed with its KEY on the way: the ledger learns of it the next time
start tap "tap: listening" "$TEST/tools/tap" pass --listen "$WORK/tap" --to "$WORK/t1.link" --cut KEY
"$BIN/kif" inject --room "$WORK/load" --port "unix:$WORK/tap" --serial TC-1 --key-set $SET --slot 3 --ledger "$WORK/kif.db" \
	>"$WORK/out" 2>&1 & kif=$!
for i in $(seq 1 400); do
	[ "$(sqlite3 "$WORK/load/journal.db" "SELECT count(*) FROM load WHERE slot = 3")" = 1 ] && break
	sleep 0.05
done
kill -9 $kif; wait $kif 2>/dev/null; stop tap
kill_load
loads 1
loads 3									# that id is in doubt as well
inject TC-2 0 $SET "unix:$WORK/t2.link" >"$WORK/out" 2>&1 || complain "TC-2: $(cat "$WORK/out")"

# --- The ledger is the journal's projection ---------------------------------------------------------------------------
rows() { sqlite3 "$1" "SELECT * FROM load ORDER BY key_set, ksn; SELECT * FROM event ORDER BY sequence"; }
rows "$WORK/kif.db" >"$WORK/grown"
states=$(awk -F'|' 'NF == 5 { print $4 }' "$WORK/grown" | sort -u | tr '\n' ' ')
for s in sent loaded possibly-loaded zeroized; do
	case $states in *"$s "*) ;; *) complain "the life lacks '$s': $states" ;; esac
done
# The sequences of the journal stand in it, every one.
[ "$(sqlite3 "$WORK/kif.db" 'SELECT group_concat(sequence) FROM (SELECT sequence FROM event ORDER BY 1)')" = \
	"$(sqlite3 "$WORK/load/journal.db" 'SELECT group_concat(sequence) FROM (SELECT sequence FROM event ORDER BY 1)')" ] ||
	complain "the ledger's sequences are not the journal's"
cp "$WORK/kif.db" "$WORK/anew.db"
"$BIN/kif" rebuild --room "$WORK/load" --ledger "$WORK/anew.db" >/dev/null || complain "rebuild"
rows "$WORK/anew.db" | cmp - "$WORK/grown" || complain "the ledger made anew differs"
# Broken twin: a ledger in which one row was changed is another, and is made right.
sqlite3 "$WORK/anew.db" "UPDATE load SET state = 'loaded' WHERE state = 'possibly-loaded'"
rows "$WORK/anew.db" | cmp -s - "$WORK/grown" && complain "the broken twin (a row that was changed) was not caught"
"$BIN/kif" rebuild --room "$WORK/load" --ledger "$WORK/anew.db" >/dev/null
rows "$WORK/anew.db" | cmp - "$WORK/grown" || complain "rebuild does not make it right"

# --- The pack ---------------------------------------------------------------------------------------------------------
PACK=$WORK/load.pack
verify() { "$BIN/bdk" verify "$1" --anchors "$WORK/ca.anchors" >"$WORK/out" 2>&1; }
"$BIN/bdk" handover --room "$WORK/load" --out "$PACK" >"$WORK/out" || complain "handover"
verify "$PACK" || complain "verify: $(cat "$WORK/out")"
grep -q 'test room, software token, epoch 1' "$WORK/out" || complain "it does not say what room made it: $(cat "$WORK/out")"
n=$(sqlite3 "$WORK/load/journal.db" 'SELECT count(*) FROM load')
grep -q ": $n loads, 4 of them revoked" "$WORK/out" || complain "$n loads: $(cat "$WORK/out")"
# States and KSNs as the ledger has them
awk -F' = ' '/^ksn/ { k = $2 } /^state/ { print k, $2 }' "$PACK" | sort >"$WORK/a"
awk -F'|' 'NF > 8 { print $2, $9 }' "$WORK/grown" | sort | cmp - "$WORK/a" || complain "pack and ledger differ"
# openssl's word, as bdk(1) has it
(
	cd "$WORK" && cp load.pack PACK && cp ca.anchors anchors.pem &&
		sed '/^signature = /,$d' PACK >body &&
		sed -n 's/^signature = //p' PACK | openssl base64 -d -A >body.sig &&
		{ echo '-----BEGIN PUBLIC KEY-----'; sed -n 's/^records = //p' PACK; echo '-----END PUBLIC KEY-----'; } >records.pem &&
		openssl dgst -sha256 -verify records.pem -signature body.sig body &&
		sed -n 's/^vouched = //p' PACK | openssl base64 -d -A >records.sig &&
		sed -n 's/^certificate = //p' PACK | openssl base64 -d -A | openssl x509 -inform DER -out kif.pem &&
		openssl x509 -in kif.pem -noout -pubkey >identity.pem &&
		grep '^records = ' PACK | openssl dgst -sha256 -verify identity.pem -signature records.sig &&
		openssl verify -CAfile anchors.pem kif.pem
) >"$WORK/out" 2>&1 || complain "openssl: $(cat "$WORK/out")"
[ "$(grep -cE 'Verified OK|kif.pem: OK' "$WORK/out")" = 3 ] || complain "openssl: $(cat "$WORK/out")"

# Changed, removed, moved: refused, and named.
wrong() {
	verify "$WORK/wrong" && complain "$1 is not found out"
	grep -qE "$2" "$WORK/out" || complain "$1: does not say '$2': $(cat "$WORK/out")"
	"$BIN/bdk" import-pack --room "$WORK/acquirer" "$WORK/wrong" >"$WORK/out" 2>&1 && complain "$1 is imported"
}
awk -v RS= -v ORS='\n\n' 'NR != 4' "$PACK" >"$WORK/wrong"; wrong "a removed load" 'load 4 \(TC-1 slot .\) stands where load 3'
awk -v RS= -v ORS='\n\n' 'NR == 3 { kept = $0; next } { print } NR == 4 { print kept }' "$PACK" >"$WORK/wrong"
wrong "a moved load" 'stands where load 2'
sed 's/^revoked = possibly loaded/revoked = possibly unloaded/; s/^revoked = superseded/revoked = Superseded/' "$PACK" >"$WORK/wrong"
wrong "a changed reason" 'the load of TC-1 slot 0 is changed'
sed '/^revoked = /d' "$PACK" >"$WORK/wrong"; wrong "a reason left out" 'the load of TC-1 slot . is changed'
sed 's/^room = load/room = loaf/' "$PACK" >"$WORK/wrong"; wrong "another room" 'changed'
sed 's/^signature = ..../signature = MEYC/' "$PACK" >"$WORK/wrong"; wrong "another signature" 'signature'
head -c 700 "$PACK" >"$WORK/wrong"; wrong "half a pack" 'ends early|without its link|not a'
size=$(stat -c %s "$PACK")
for i in $(seq 1 40); do
	at=$((i * 7919 % size))
	cp "$PACK" "$WORK/wrong"
	was=$(dd if="$PACK" bs=1 skip=$at count=1 2>/dev/null | od -An -tu1)
	printf "\\$(printf %03o $((was ^ 1)))" | dd of="$WORK/wrong" bs=1 seek=$at conv=notrunc 2>/dev/null
	verify "$WORK/wrong" && complain "a flipped bit at $at is not found out"
	grep -q "wrong: line [0-9]*: \|not a hand-over pack" "$WORK/out" || complain "byte $at: $(cat "$WORK/out")"
done
# Broken twin of all that: the pack itself, copied, is right. And a foreign CA's anchors make it wrong.
cp "$PACK" "$WORK/wrong"; verify "$WORK/wrong" || complain "the twin (nothing changed) is refused"
room ca2 ca >/dev/null && serve ca2 && "$BIN/bdk" anchors --room "$WORK/ca2" >"$WORK/ca2.anchors" || die "ca2"
"$BIN/bdk" verify "$PACK" --anchors "$WORK/ca2.anchors" >"$WORK/out" 2>&1 && complain "a foreign CA's pack is right"

# --- The acquirer -----------------------------------------------------------------------------------------------------
recovers "$WORK/sale" || complain "the first sale is not recovered before the pack: $(cat "$WORK/out")"
"$BIN/bdk" import-pack --room "$WORK/acquirer" "$PACK" >"$WORK/out" 2>&1 || complain "import-pack: $(cat "$WORK/out")"
grep -q "$((n - 1)) loads, 4 of them revoked; 1 of key sets that are not here" "$WORK/out" || complain "$(cat "$WORK/out")"
recovers "$WORK/sale" && complain "a superseded id is recovered"
grep -q 'TC-1: superseded by' "$WORK/out" || complain "it does not say so: $(cat "$WORK/out")"
burned=$(sqlite3 "$WORK/kif.db" "SELECT ksn FROM event WHERE state = 'possibly-loaded' LIMIT 1")
printf 'ksn = %s1\npin_block = 0123456789ABCDEF\npin_format = 0\npan = 4111111111111111\n' "${burned%?}" >"$WORK/burned"
recovers "$WORK/burned" && complain "a burned id is recovered"
grep -qE 'TC-1: (superseded|possibly)' "$WORK/out" || complain "burned: $(cat "$WORK/out")"
sell 0 >"$WORK/sale2" && recovers "$WORK/sale2" || complain "what is loaded is not recovered: $(cat "$WORK/out")"
# An older one is refused; one that continues is taken, one with a gap before it is not.
"$BIN/bdk" import-pack --room "$WORK/acquirer" "$WORK/first.pack" >"$WORK/out" 2>&1 && complain "an older pack is taken"
grep -q 'was taken before' "$WORK/out" || complain "older: $(cat "$WORK/out")"
last=$(sed -n 's/^sequence = //p' "$PACK" | head -n 1)
zeroize 0
"$BIN/bdk" handover --room "$WORK/load" --since "$((last + 1))" --out "$WORK/gap.pack" >/dev/null || complain "gap"
"$BIN/bdk" import-pack --room "$WORK/acquirer" "$WORK/gap.pack" >"$WORK/out" 2>&1 && complain "a pack with a gap is taken"
"$BIN/bdk" handover --room "$WORK/load" --since "$last" --out "$WORK/more.pack" >/dev/null || complain "more"
"$BIN/bdk" import-pack --room "$WORK/acquirer" "$WORK/more.pack" >"$WORK/out" 2>&1 || complain "more: $(cat "$WORK/out")"
recovers "$WORK/sale2" && complain "a zeroized id is recovered"
grep -q 'TC-1: zeroized' "$WORK/out" || complain "zeroized: $(cat "$WORK/out")"
# A revoked terminal: the list tells the acquirer, the pack whose KSNs they are.
inject TC-2 1 $SET "unix:$WORK/t2.link" >/dev/null 2>&1 || complain "TC-2"
printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' | "$BIN/pos" --till "unix:$WORK/t2.till" --slot 0 --count 1 \
	>"$WORK/sale3" && recovers "$WORK/sale3" || complain "TC-2 is not recovered"
"$BIN/bdk" revoke --room "$WORK/ca" TC-2 --reason stolen >/dev/null && carry_list ca acquirer || complain "revoke"
recovers "$WORK/sale3" && complain "a revoked terminal is recovered"
grep -q 'TC-2: the terminal is revoked' "$WORK/out" || complain "revoked: $(cat "$WORK/out")"
"$BIN/bdk" audit --room "$WORK/load" | grep -qE 'handover +key set all' || complain "handover is not in the audit"
"$BIN/bdk" audit --room "$WORK/acquirer" | grep -qE 'import-pack +pack of load up to' || complain "import-pack is not in the audit"
exit $fail
