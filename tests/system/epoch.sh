#!/bin/bash
# A load room is disowned, by raising the epoch or by name: terminals that saw the new epoch refuse it, it notices itself once
# it has the list, and acquirers take nothing more from it. No other room stops for longer than it takes to carry two files.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
LINK=unix:$WORK/t1.link

# refused STATUS PATTERN COMMAND...: that status, and one line that says why
refused() {
	local status=$1 pattern=$2 got
	shift 2
	"$@" >"$WORK/out" 2>&1
	got=$?
	[ $got = "$status" ] || complain "$*: status $got, not $status: $(cat "$WORK/out")"
	grep -qE "$pattern" "$WORK/out" || complain "$*: does not say '$pattern': $(cat "$WORK/out")"
}
# load ROOM KEYSET SLOT
load() {
	"$BIN/kif" inject --room "$WORK/$1" --port "$LINK" --serial TC-1 --key-set "$2" --slot "$3" --ledger "$WORK/$1.kif.db"
}
loads() { load "$@" >"$WORK/out" 2>&1 || complain "load $*: $(cat "$WORK/out")"; }
make_set() {
	"$BIN/bdk" generate --room "$WORK/$1" --scheme tdes --id "$2" --for "$WORK/bank.crt" --out "$WORK/$2.krx" \
		>/dev/null 2>&1 && lease "$2" tdes 0-999 "$1" || die "generate $2"
}
import() { "$BIN/bdk" import --room "$WORK/bank" "$WORK/$1.krx"; }

for r in "ca ca" "old load" "new load" "bank acquirer"; do
	room $r >/dev/null && serve ${r% *} || die "$r"
done

# Without a list nothing is loaded, made or taken; the line says which commands to run.
certify_only() {
	"$BIN/bdk" request --room "$WORK/$1" >"$WORK/$1.csr" && "$BIN/bdk" anchors --room "$WORK/ca" >"$WORK/anchors" &&
		"$BIN/bdk" certify --room "$WORK/ca" --role "$2" "$WORK/$1.csr" >"$WORK/$1.crt" &&
		"$BIN/bdk" install --room "$WORK/$1" --anchors "$WORK/anchors" "$WORK/$1.crt" >/dev/null || die "certify $1"
}
certify_only old load
certify_only bank acquirer
refused 78 'no revocation list.*bdk crl --room CA >.*bdk install --room LOAD --crl' \
	"$BIN/bdk" generate --room "$WORK/old" --scheme tdes --for "$WORK/bank.crt" --out "$WORK/x.krx"
[ ! -e "$WORK/x.krx" ] || complain "a refused generate left a package"
certify_only new load
for r in old new; do carry_list ca $r || die "list to $r"; done
make_set old FFFF000001
make_set new FFFF000002
make_set old FFFF000003
make_set old FFFF000004
refused 78 'no revocation list.*bdk install --room ACQUIRER --crl' import FFFF000001
carry_list ca bank && import FFFF000001 >/dev/null || die "import"
boot t1 TC-1 ca "$LINK" && enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || die "t1"

# Loaded under epoch 1; then the epoch is raised, and the room "new" gets a certificate of it.
loads old FFFF000001 0
loads new FFFF000002 1
[ "$("$BIN/bdk" epoch --room "$WORK/ca")" = "epoch 1" ] || complain "epoch: $("$BIN/bdk" epoch --room "$WORK/ca")"
"$BIN/bdk" epoch --room "$WORK/ca" --raise >"$WORK/out" && grep -q '^epoch 2: ' "$WORK/out" || complain "raise: $(cat "$WORK/out")"
"$BIN/bdk" audit --room "$WORK/ca" | grep -qE 'raise +epoch 2, list 1' || complain "the audit does not show it"
cp "$WORK/ca.crl" "$WORK/before.crl"
stop ca && serve ca || die "ca"
[ "$("$BIN/bdk" epoch --room "$WORK/ca")" = "epoch 2" ] || complain "the epoch did not survive a restart"
# A certificate of the old epoch still loads while nobody knows: a terminal goes by what it has seen.
loads old FFFF000001 2
certify_only new load
openssl x509 -in "$WORK/new.crt" -noout -subject | grep -q 'epoch 2' || complain "no epoch 2 in the certificate"
carry_list ca new || die "list to new"
loads new FFFF000002 3

# The terminal has seen epoch 2 under a KEY: it refuses the room "old", which knows of nothing, and the station says why.
zeroize() {
	"$BIN/kif" zeroize --room "$WORK/new" --port "$LINK" --serial TC-1 --slot "$1" --reason reload \
		--ledger "$WORK/new.kif.db" >/dev/null 2>&1 || complain "zeroize $1"
}
zeroize 1
before=$(sha256sum <"$WORK/t1.nv")
refused 77 'refused by the terminal.*KIF epoch lower.*new epoch' load old FFFF000001 1
[ "$before" = "$(sha256sum <"$WORK/t1.nv")" ] || complain "a refused room changed the terminal"
# Broken twin: a terminal that has not seen it lets the old room load.
boot t2 TC-2 ca "unix:$WORK/t2.link" && enrol t2 TC-2 ca "unix:$WORK/t2.link" >/dev/null 2>&1 || die "t2"
"$BIN/kif" inject --room "$WORK/old" --port "unix:$WORK/t2.link" --serial TC-2 --key-set FFFF000001 --slot 0 \
	--ledger "$WORK/old.kif.db" >"$WORK/out" 2>&1 || complain "the twin (it has not seen epoch 2) refuses: $(cat "$WORK/out")"

# The acquirer takes packages of the old epoch until it has the list, and none after; what it has goes on.
import FFFF000003 >/dev/null || complain "import under the old list"
carry_list ca bank || die "list to bank"
refused 77 'epoch' import FFFF000004
refused 76 'list 1 was installed before' "$BIN/bdk" install --room "$WORK/bank" --crl "$WORK/before.crl"
sell() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot "$1" --count 1 >"$WORK/sale" && "$BIN/acquirer" decrypt --room \
		"$WORK/bank" "$WORK/sale"
}
sell 0 >"$WORK/out" 2>&1 && grep -qx 'pin = 1234' "$WORK/out" || complain "the old key set stopped: $(cat "$WORK/out")"

# The room itself notices with the list, and says what it needs; with a new certificate it goes on.
carry_list ca old || die "list to old"
refused 77 'own certificate \(epoch 1\) is of an older epoch' load old FFFF000001 1
refused 77 'own certificate' "$BIN/bdk" generate --room "$WORK/old" --scheme tdes --for "$WORK/bank.crt" --out "$WORK/x.krx"
certify_only old load
loads old FFFF000001 1

# Disowned by name: all its certificates, its packages, and what came from it before.
"$BIN/bdk" disown --room "$WORK/ca" "$WORK/old.crt" --reason "key lost" | grep -q '^old disowned; install list 2' ||
	complain "disown"
"$BIN/bdk" audit --room "$WORK/ca" | grep -q 'disown.*old: key lost' || complain "the audit does not show it"
carry_list ca old && carry_list ca bank || die "lists"
refused 77 'own certificate is revoked' load old FFFF000001 2
refused 77 'revoked' import FFFF000004
sell 1 >"$WORK/out" 2>&1 && complain "what came from a disowned room is recovered"
grep -q 'came from, old, is revoked' "$WORK/out" || complain "it does not say why: $(cat "$WORK/out")"
zeroize 3
carry_list ca new && loads new FFFF000002 3 || complain "another room stopped"
exit $fail
