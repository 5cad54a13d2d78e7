#!/bin/bash
# Bad input: each refusal is one line on standard error that says what, why and what to do, with an exit status after
# sysexits.h, and changes nothing.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

# refused STATUS PATTERN COMMAND...: status, one line, what it says; journal and ledger (and memory of $watch) unchanged
watch=t1
refused() {
	local status=$1 pattern=$2 before after got
	shift 2
	before=$(state $watch)
	"$@" >"$WORK/out" 2>"$WORK/said" </dev/null
	got=$?
	after=$(state $watch)
	[ $got -eq "$status" ] || complain "$*: status $got, not $status: $(cat "$WORK/said")"
	grep -qE "$pattern" "$WORK/said" || complain "$*: does not say '$pattern': $(cat "$WORK/said")"
	[ "$(grep -vc '^  ' "$WORK/said")" -ge 1 ] && [ "$(grep -c ': .*: ' "$WORK/said")" -eq 1 ] ||
		complain "$*: not one line of error: $(cat "$WORK/said")"
	[ "$before" = "$after" ] || complain "$*: changed something: $(echo $before) -> $(echo $after)"
}

three_rooms || exit 1
generate() { "$BIN/bdk" generate --room "$WORK/load" --for "$WORK/acquirer.crt" "$@"; }
generate --scheme tdes --id FFFF111111 --out "$WORK/a.krx" >/dev/null 2>&1 && lease FFFF111111 tdes || exit 1
generate --scheme aes128 --id 22222222 --out "$WORK/b.krx" >/dev/null 2>&1 && lease 22222222 aes128 7-7 || exit 1
generate --scheme tdes --id FFFF333333 --out "$WORK/c.krx" >/dev/null 2>&1 && lease FFFF333333 tdes || exit 1
"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/a.krx" >/dev/null || exit 1
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1
boot t2 TC-2 ca "unix:$WORK/t2.link" && enrol t2 TC-2 ca "unix:$WORK/t2.link" >/dev/null 2>&1 || exit 1
P1=unix:$WORK/t1.link P2=unix:$WORK/t2.link
inject TC-1 0 FFFF111111 "$P1" >/dev/null 2>&1 || exit 1
inject TC-1 1 22222222 "$P1" >/dev/null 2>&1 || exit 1
inject TC-2 0 FFFF111111 "$P2" >/dev/null 2>&1 || exit 1

# The line
refused 66 'no such|cannot be opened' inject TC-1 2 FFFF111111 /dev/ttyKEYROOM9
refused 64 'speed' inject TC-1 2 FFFF111111 /dev/ttyKEYROOM9:12x
refused 64 'port' inject TC-1 2 FFFF111111 carrier-pigeon
refused 66 'socket|cannot|refused|no such' inject TC-1 2 FFFF111111 "unix:$WORK/nothing"
start deaf ready python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); print("ready", flush=True)
held = []
while True: held.append(s.accept())
' "$WORK/deaf"
refused 69 'nothing answers' inject TC-1 2 FFFF111111 "unix:$WORK/deaf" --timeout 1
refused 65 'another terminal|expected' inject TC-9 2 FFFF111111 "$P1"

# Slots and key sets
refused 77 'holds a key' inject TC-1 0 FFFF111111 "$P1"
refused 65 'slot' inject TC-1 7 FFFF111111 "$P1"
refused 64 'slot' inject TC-1 x FFFF111111 "$P1"
refused 65 'no such key set' inject TC-1 2 FFFF999999 "$P1"
refused 65 'key set|hex|digits' inject TC-1 2 FFFFZZ "$P1"
refused 69 'no device id .* left.*bdk lease.*bdk chain' inject TC-2 1 22222222 "$P2"
"$BIN/bdk" suspend --room "$WORK/load" FFFF333333 >/dev/null || complain "suspend"
refused 77 'state|suspended' inject TC-1 2 FFFF333333 "$P1"
refused 73 'in this room already' generate --scheme tdes --id FFFF111111 --out "$WORK/d.krx"
[ ! -e "$WORK/d.krx" ] || complain "a refused generate left a package"
"$BIN/bdk" package --room "$WORK/load" --out "$WORK/again.krx" FFFF111111 >/dev/null && cmp -s "$WORK/a.krx" "$WORK/again.krx" ||
	complain "the package is not the same once more"
refused 65 'no such key set' "$BIN/bdk" package --room "$WORK/load" --out "$WORK/none.krx" FFFF999999
refused 64 'rsa|scheme' generate --scheme rsa --out "$WORK/d.krx"
refused 73 'in this room already' "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/a.krx"
head -c 200 "$WORK/b.krx" >"$WORK/short.krx"
refused 65 'ends early|format' "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/short.krx"
python3 -c '
import sys; b = bytearray(sys.stdin.buffer.read()); b[-100] ^= 1; sys.stdout.buffer.write(b)' <"$WORK/c.krx" >"$WORK/flip.krx"
refused 76 'signature' "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/flip.krx"

# Certificates and environments
room ca2 ca >/dev/null && serve ca2 || exit 1
boot t3 TC-3 ca2 "unix:$WORK/t3.link" && enrol t3 TC-3 ca2 "unix:$WORK/t3.link" >/dev/null 2>&1 || exit 1
watch=t3 refused 77 'environment' inject TC-3 0 FFFF111111 "unix:$WORK/t3.link"
boot t4 TC-4 ca2 "unix:$WORK/t4.link"
watch=t4 refused 77 'environment' enrol t4 TC-4 ca "unix:$WORK/t4.link"
"$BIN/bdk" request --room "$WORK/load" >"$WORK/load.csr"
"$BIN/bdk" certify --room "$WORK/ca2" --role load "$WORK/load.csr" >"$WORK/foreign.crt"
refused 77 'CA|environment' "$BIN/bdk" install --room "$WORK/load" --anchors "$WORK/ca.anchors" "$WORK/foreign.crt"
"$BIN/bdk" request --room "$WORK/acquirer" >"$WORK/acq.csr"
"$BIN/bdk" certify --room "$WORK/ca2" --role acquirer "$WORK/acq.csr" >"$WORK/foreignacq.crt"
refused 77 'CA' "$BIN/bdk" generate --room "$WORK/load" --scheme tdes --for "$WORK/foreignacq.crt" --out "$WORK/d.krx"
"$BIN/bdk" revoke --room "$WORK/ca" TC-2 --reason stolen >/dev/null && carry_list ca load || complain "revoke"
watch=t2 refused 77 'revoked' inject TC-2 1 FFFF111111 "$P2"
refused 65 'no such terminal' "$BIN/bdk" revoke --room "$WORK/ca" TC-77 --reason x
# The digest that a person reads differs from the one that came over the line.
boot t5 TC-5 ca "unix:$WORK/t5.link"
"$BIN/bdk" expect --room "$WORK/ca" TC-5 >/dev/null
echo 0000 0000 0000 0000 0000 0000 0000 0000 >"$WORK/lie"
"$BIN/bdk" enrol --room "$WORK/ca" --port "unix:$WORK/t5.link" --serial TC-5 --digest-file "$WORK/lie" >"$WORK/out" 2>"$WORK/said"
[ $? -eq 77 ] && grep -q 'digest' "$WORK/said" || complain "a wrong digest was accepted: $(cat "$WORK/said")"
grep -q ENROLLED "$WORK/t5.display" && complain "enrolled with a wrong digest"

# What operators type at the acquirer and the till
acquirer() { printf '%b' "$1" >"$WORK/in"; "$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/in"; }
answers() {
	local reason=$1
	acquirer "$2" >"$WORK/out" 2>"$WORK/said"
	[ $? -eq 65 ] || complain "acquirer '$2': status not 65"
	grep -q 'status = refused' "$WORK/out" && grep -qiE "reason = .*($reason)" "$WORK/out" || complain "acquirer '$2': $(cat "$WORK/out" "$WORK/said")"
}
answers 'ksn' 'ksn = FFFF11111100000000G1\ndata = 00\n'
answers 'ksn' 'ksn = 1234\ndata = 0011223344556677\n'
answers 'counter' 'ksn = FFFF1111110000000000\ndata = 0011223344556677\n'
answers 'pan' 'ksn = FFFF1111110000000001\npin_format = 0\npin_block = 0011223344556677\npan = 41x\n'
answers 'hex|format|data' 'ksn = FFFF1111110000000001\ndata = 00112\n'
answers 'pin block' 'ksn = FFFF1111110000000001\npin_format = 0\npin_block = 0011223344556677\npan = 4111111111111111\n'
answers 'key set' 'ksn = FFFF7777770000000001\ndata = 0011223344556677\n'
till() { printf '%b' "$1" | "$BIN/pos" --till "unix:$WORK/t1.till" --slot "$2"; }
refused 65 'pan|PAN' till 'pan = 41\npin = 1234\namount = 1\ndata = x\n' 0
refused 65 'pin|PIN' till 'pan = 4111111111111111\npin = 12\namount = 1\ndata = x\n' 0
refused 69 'no key' till 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' 3

# Rooms
refused 75 'another bdkd' "$BIN/bdkd" --room "$WORK/load"
refused 78 'room' "$BIN/bdkd" --room "$WORK/nowhere"
refused 78 'room|folder' "$BIN/bdk" list --room "$WORK/nowhere"
refused 73 'exists|empty' "$BIN/bdk" init "$WORK/load" --purpose load --test --name X
refused 64 'purpose' "$BIN/bdk" init "$WORK/new" --purpose kitchen --test --name X
refused 64 'custodians' "$BIN/bdk" init "$WORK/new" --purpose load --name X
[ ! -e "$WORK/new" ] || complain "a refused init left a folder"
refused 64 'purpose|not for that' "$BIN/bdk" crl --room "$WORK/load"
stop ca2
sed -i 's/^version *= *1/version = 2/' "$WORK/ca2/room.conf"
refused 78 'of version 2|newer version' "$BIN/bdkd" --room "$WORK/ca2"
sed -i 's/^version *= *2/version = 1/' "$WORK/ca2/room.conf"
sqlite3 "$WORK/ca2/journal.db" "UPDATE meta SET value = 99 WHERE name = 'version'" || complain "meta"
refused 78 'newer version' "$BIN/bdkd" --room "$WORK/ca2"
refused 69 'does not answer' "$BIN/bdk" list --room "$WORK/ca2"
refused 64 'no such command' "$BIN/bdk" dance
refused 64 'such option' "$BIN/kif" list --loudly
exit $fail
