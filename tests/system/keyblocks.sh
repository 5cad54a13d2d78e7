#!/bin/bash
# BDKs and KBPKs between rooms and partners as X9.143 key blocks, by the programs: from the load room to the acquirer's through a
# block alone, then a terminal loaded and its PIN recovered; blocks of a partner; what has to be refused; and where the keys may
# not be: files, logs, arguments, and the memory of idle rooms (twins).
set -u
# Looking into a process that cannot be dumped takes the rights of its user namespace's root, and people are users of their own.
if [ "$(id -u)" -ne 0 ]; then
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has seen two people bring a key block"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*" >&2; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err "$WORK/said" 2>/dev/null; exit 1; }
mkdir -p "$TEST/leaks" "$WORK/blocks"
cc='gcc -std=c17 -O2 -I. -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror'
libs() { for l in "$@"; do echo "$B/lib/lib$l.a"; done; }
make -s "$B/lib/libtests-lib.a" >/dev/null || exit 1
$cc $(pkg-config --cflags libp11 p11-kit-1) -o "$TEST/leaks/partner" tests/keyblocks/partner.c \
	$(libs tests-lib bdk bdk-client dukpt protocol crypto crypto-openssl base-host base) $TEST_EXT || exit 1
$cc -o "$TEST/leaks/scan.keyblocks" tests/leaks/scan.c $(libs base) || exit 1
PARTNER=$TEST/leaks/partner SCAN=$TEST/leaks/scan.keyblocks

# in_load, in_acquirer COMMAND...: bdk, what it prints to WORK/out, its line of refusal to WORK/said
in_load() { run load "$@"; }
in_acquirer() { run acquirer "$@"; }
run() {
	local room=$1 command=$2
	shift 2
	"$BIN/bdk" $command --room "$WORK/$room" "$@" >"$WORK/out" 2>"$WORK/said"
}
# refused WHAT STATUS PATTERN: the command before was, with one line that says why
refused() {
	local status=$?
	[ $status -eq "$2" ] && [ "$(wc -l <"$WORK/said")" -eq 1 ] && grep -qE -- "$3" "$WORK/said" ||
		complain "$1: status $status: $(cat "$WORK/out" "$WORK/said")"
}
# partner_block FILE VERSION KBPK KEY USAGE ALGORITHM MODE [OPTION LINE...]: as a partner's HSM writes it
partner_block() {
	local file=$1 header="version = $2\nkbpk = $3\nkey = $4\nusage = $5\nalgorithm = $6\nmode = $7\nexportability = E\n"
	shift 7
	{ printf "$header"; [ $# -eq 0 ] || printf '%s\n' "$@"; } | "$BIN/lab" keyblock | sed -n 's/^key_block = //p' >"$file"
	[ -s "$file" ] || die "lab makes no $file"
}

# --- Two rooms with two KBPKs, which their custodians have entered ------------------------------------------------------
ZMK=5D0B3F1C8A7799E264C1F00D1B2A39485766758493A2B1C0DFEE0D1C2B3A4958 OLD=8C7A1F1C8A7799E264C1F00D1B2A3949
three_rooms || die "three rooms"
for r in load acquirer; do
	stop $r
	"$PARTNER" enter "$WORK/$r" zmk-bank AES256 B $ZMK && "$PARTNER" enter "$WORK/$r" old-bank 2TDEA B $OLD || die "enter"
	serve $r || die "serve $r"
done
in_load "kbpk list" && [ "$(grep -c '  active  ' "$WORK/out")" = 2 ] || complain "kbpk list: $(cat "$WORK/out" "$WORK/said")"

# --- Out of one room, into the other ------------------------------------------------------------------------------------
: >"$WORK/bdks"
# moved SCHEME ID KBPK VALUE: made in the load room, opened by OpenSSL, taken by the acquirer room, both with one check value
moved() {
	local block=$WORK/blocks/$2 made
	in_load generate --scheme $1 --id $2 --under $3 --out "$block" || { complain "generate $2: $(cat "$WORK/said")"; return; }
	made=$(grep -o 'check value [0-9A-F]*' "$WORK/out")
	grep -q "^next, in the ca room: bdk lease --key-set $2 " "$WORK/said" || complain "$2: nobody says how to go on"
	"$PARTNER" open $4 "$block" >"$WORK/key" || complain "OpenSSL does not open $2"
	printf 'bdk-%s %s\n' $2 "$(cat "$WORK/key")" >>"$WORK/bdks"
	in_load package "$2" --out "$block.again" && cmp -s "$block" "$block.again" || complain "the block of $2 once more: $(cat "$WORK/said")"
	in_acquirer import "$block" --under $3 || complain "import $2: $(cat "$WORK/said")"
	grep -qF "$made, under KBPK $3, exportability N" "$WORK/out" || complain "$2: another key: $(cat "$WORK/out")"
}
moved tdes FFFF700001 old-bank $OLD
moved tdes FFFF700002 zmk-bank $ZMK
moved aes128 70000003 zmk-bank $ZMK
moved aes256 70000004 zmk-bank $ZMK
[ "$(cut -c1 "$WORK/blocks/FFFF700001")" = B ] && [ "$(cut -c1 "$WORK/blocks/70000003")" = D ] || complain "versions"

"$BIN/bdk" list --room "$WORK/acquirer" --json >"$WORK/out"
python3 - "$WORK/out" <<'END' || complain "bdk list does not say how they came"
import json, sys
sets = {s["key_set"]: s for s in json.load(open(sys.argv[1]))}
assert sets["FFFF700001"]["kbpk"] == "old-bank" and sets["70000003"]["kbpk"] == "zmk-bank"
assert sets["FFFF700001"]["exportability"] == "N" and sets["FFFF700001"]["state"] == "active"
END
# A period, as with a package
in_load generate --scheme tdes --id FFFF700007 --under zmk-bank --out "$WORK/blocks/FFFF700007" --from 2031-01-01 --until 2032-01-01 &&
	in_acquirer import "$WORK/blocks/FFFF700007" --under zmk-bank --until 2032-01-01 || complain "a period: $(cat "$WORK/said")"
"$BIN/bdk" list --room "$WORK/load" | grep -q 'FFFF700007 .* pre-active ' || complain "the period is not kept: $("$BIN/bdk" list --room "$WORK/load")"

# A room on another token (NSS softokn): the same blocks.
NSS=$(dpkg -L libnss3 | grep -m 1 '/libsoftokn3\.so$') || die "no libnss3: make deps"
"$BIN/bdk" init "$WORK/nss" --purpose load --test --name nss --token "pkcs11:token=nss?module-path=$NSS" \
	--token-arguments "configdir='sql:{room}/token' dbTokenDescription='nss'" >/dev/null &&
	"$PARTNER" enter "$WORK/nss" zmk-bank AES256 B $ZMK 2>"$WORK/said" && "$PARTNER" enter "$WORK/nss" old-bank 2TDEA B $OLD \
	2>>"$WORK/said" && serve nss && certify ca nss load || die "a room on NSS"
for s in 'tdes FFFF700005 old-bank' 'aes192 70000006 zmk-bank'; do
	set -- $s
	run nss generate --scheme $1 --id $2 --under $3 --out "$WORK/blocks/$2" || complain "NSS, $1: $(cat "$WORK/said")"
	made=$(grep -o 'check value [0-9A-F]*' "$WORK/out")
	in_acquirer import "$WORK/blocks/$2" --under $3 && grep -qF "$made, under" "$WORK/out" || complain "from NSS, $1: $(cat "$WORK/said")"
done
stop nss

# A terminal, loaded from these, sells, and the acquirer recovers.
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || die "t1"
lease FFFF700001 tdes && lease 70000003 aes128 || die "lease"
slot=0
for set in FFFF700001 70000003; do
	inject TC-1 $slot $set "unix:$WORK/t1.link" >"$WORK/out" 2>"$WORK/said" || complain "inject $set: $(cat "$WORK/said")"
	printf 'pan = 4111111111111111\npin = 908172\namount = 1\ndata = x\n' |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot $slot --count 1 2>/dev/null | "$BIN/acquirer" decrypt --room "$WORK/acquirer" \
		>"$WORK/clear" 2>/dev/null
	grep -qx 'pin = 908172' "$WORK/clear" && grep -qx 'mac_verdict = ok' "$WORK/clear" || complain "$set: the PIN is not recovered"
	slot=$((slot + 1))
done

# --- A partner's blocks ---------------------------------------------------------------------------------------------------
P=$WORK/blocks
partner_block $P/named D $ZMK 1122334455667788A1A2A3A4A5A6A7A8 B0 A X 'opt_BI = 0170000011'
in_load import $P/named --under zmk-bank && grep -q 'key set 70000011 (aes128).*exportability E' "$WORK/out" || complain "BI names it: $(cat "$WORK/said")"
in_load package 70000011 --out $P/no
refused "a key set that came in, given on" 65 'given on to nobody'
partner_block $P/nameless D $ZMK 1122334455667789A1A2A3A4A5A6A7A8 B0 A N
in_acquirer import $P/nameless --under zmk-bank
refused "a block that names no key set" 65 '--id'
in_acquirer import $P/nameless --under zmk-bank --id 70000012 || complain "--id names it: $(cat "$WORK/said")"
partner_block $P/ks D $ZMK 1322334455667788A1A2A3A4A5A6A7A9 B0 T X 'opt_KS = FFFF700013E00000'
in_acquirer import $P/ks --under zmk-bank --id FFFF700014
refused "a block of another key set than it is called" 65 'FFFFFFFF70'
# A KBPK under a KBPK, which unwraps only; under that a BDK
TAKEN=D9046CE83B51F27A15C08E6394BA2D77
partner_block $P/kbpk D $ZMK $TAKEN K1 A D
in_acquirer "kbpk import taken" $P/kbpk --under zmk-bank && grep -q '(AES128), .* mode D' "$WORK/out" || complain "kbpk import: $(cat "$WORK/said")"
in_load "kbpk import taken" $P/kbpk --under zmk-bank || complain "kbpk import in the load room: $(cat "$WORK/said")"
partner_block $P/below D $TAKEN 2233445566778899A1A2A3A4A5A6A7A8 B0 A X 'opt_BI = 0170000015'
in_acquirer import $P/below --under taken || complain "a BDK under it: $(cat "$WORK/said")"
in_load generate --scheme tdes --under taken --out $P/no
refused "wrapping under a KBPK that unwraps" 77 'may only unwrap'
[ ! -e $P/no ] || complain "a refused block left its file"
# One that the room makes, for the other room
in_load "kbpk generate next" --algorithm AES128 --under zmk-bank --out $P/next || complain "kbpk generate: $(cat "$WORK/said")"
NEXT=$("$PARTNER" open $ZMK $P/next)
in_acquirer "kbpk import next" $P/next --under zmk-bank || complain "kbpk import next: $(cat "$WORK/said")"
moved tdes FFFF700016 next $NEXT

# --- What has to be refused ---------------------------------------------------------------------------------------------
in_load generate --scheme aes128 --under old-bank --out $P/no
refused "an AES key under a TDES KBPK" 65 'stronger than KBPK old-bank \(2TDEA\)'
in_load generate --scheme aes256 --under next --out $P/no
refused "AES-256 under AES-128" 65 'stronger than KBPK next \(AES128\)'
in_load "kbpk generate more" --algorithm AES256 --under old-bank --out $P/no
refused "a KBPK under a weaker one" 65 'stronger'
in_load generate --scheme tdes --under nobody --out $P/no
refused "a KBPK that is not there" 77 'no KBPK of that name'
in_load generate --scheme tdes --out $P/no
refused "a key set for nobody" 64 '--under KBPK'
partner_block $P/pin D $ZMK 4422334455667788A1A2A3A4A5A6A7A9 P0 T E
in_acquirer import $P/pin --under zmk-bank --id FFFF700020
refused "a PIN key" 65 'usage is P0'
partner_block $P/strange D $ZMK 5522334455667788A1A2A3A4A5A6A7A9 B0 T X 'opt_BI = 00FFFF700021'
# wrong KBPK, changed header, changed key, changed MAC: one answer
cp $P/strange $P/moved
in_acquirer import $P/moved --under taken
refused "another KBPK" 65 'not under KBPK taken, or was changed'
sed 's/FFFF700021/FFFF700022/' $P/strange >$P/moved
in_acquirer import $P/moved --under zmk-bank
refused "another id" 65 'not under KBPK zmk-bank, or was changed'
one=$(cat "$WORK/said")
sed 's/^D\(....\)B0TX00E/D\1B0TX00N/' $P/strange >$P/moved
in_acquirer import $P/moved --under zmk-bank
refused "another exportability" 65 'not under KBPK zmk-bank, or was changed'
[ "$one" = "$(cat "$WORK/said")" ] || complain "two answers: $one, $(cat "$WORK/said")"
in_acquirer import $P/strange --under zmk-bank || complain "the twin, which was not changed: $(cat "$WORK/said")"
in_acquirer import $P/strange --under zmk-bank
refused "twice" 73 'FFFF700021 is in this room already'
in_acquirer import $P/named --under zmk-bank --id 70000011 || complain "another room's key set comes here too: $(cat "$WORK/said")"
partner_block $P/double D $ZMK 5522334455667788A1A2A3A4A5A6A7A9 B0 T X 'opt_BI = 00FFFF700023'
in_acquirer import $P/double --under zmk-bank
refused "the same key under two ids" 73 'same key as key set FFFF700021'
head -c 60 $P/strange >$P/moved
in_acquirer import $P/moved --under zmk-bank
refused "half a block" 65 'not a key block'
head -c 3000 /dev/zero | tr '\0' 0 >$P/moved
in_acquirer import $P/moved --under zmk-bank
refused "no block at all" 65 'too long|longer'

# A KBPK ends: its object is gone, and its blocks are not given out again
in_load "kbpk compromise next" --reason 'a photograph' || complain "compromise: $(cat "$WORK/said")"
grep -q 'bdk-FFFF700016 went out under it' "$WORK/out" || complain "what was below it: $(cat "$WORK/out")"
in_load package FFFF700016 --out $P/no
refused "the block of a compromised KBPK" 77 'KBPK next is compromised'
cp -a "$WORK/load/token" "$WORK/copy" || exit 1
for r in load acquirer; do
	run $r "kbpk destroy zmk-bank" --reason 'the ceremony is over' || complain "destroy: $(cat "$WORK/said")"
	run $r "kbpk destroy zmk-bank"
	refused "twice" 77 'is destroyed'
done
# ... also where a copy of the token's files is put back
stop load
rm -r "$WORK/load/token" && mv "$WORK/copy" "$WORK/load/token" && serve load || exit 1
"$BIN/bdk" audit --room "$WORK/load" | grep -q 'bdkd  *kbpk-destroy .*KBPK zmk-bank, .*copy' || complain "a copy of the token: $("$BIN/bdk" audit --room "$WORK/load" | tail -n 3)"
in_load generate --scheme tdes --under zmk-bank --out $P/no
refused "a destroyed KBPK" 77 'KBPK zmk-bank is destroyed'
in_acquirer import $P/double --under zmk-bank --id FFFF700024
refused "a destroyed KBPK" 77 'KBPK zmk-bank is destroyed'
in_load "kbpk generate zmk-bank" --algorithm AES128
refused "a name again" 73 'given once'
# Two keys of the token fewer: the object itself is gone.
stop load && "$PARTNER" enter "$WORK/load" zmk-again AES256 B $ZMK 2>"$WORK/said"
grep -q 'same key as KBPK zmk-bank' "$WORK/said" || complain "a KBPK that was here comes again: $(cat "$WORK/said")"
serve load || die "serve load"

# --- By two people ------------------------------------------------------------------------------------------------------
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && stop acquirer
partner_block $P/two D $TAKEN 3D58E1904B7C26FA9E0D53B1C7482F60 B0 A X 'opt_BI = 0170000031'
printf 'people-user = 60041 60042 60043\n' >>"$WORK/acquirer/room.conf"
cp -r "$WORK/acquirer" "$WORK/before"
BIN=$WORK/bin python3 -B tests/keyblocks/two.py "$WORK/acquirer" $P/two taken 70000031 appoint && serve acquirer || die "people"
BIN=$WORK/bin python3 -B tests/keyblocks/two.py "$WORK/acquirer" $P/two taken 70000031 || complain "two people and a key block"
stop acquirer
rm -r "$WORK/acquirer" && mv "$WORK/before" "$WORK/acquirer" && serve acquirer || die "the room as it was"

# --- Where no key may be ------------------------------------------------------------------------------------------------
{ cat "$WORK/bdks"; printf 'zmk %s\nold %s\ntaken %s\nnext %s\n' $ZMK $OLD $TAKEN "$NEXT"; } >"$WORK/needles"
[ "$(wc -l <"$WORK/needles")" = 9 ] || complain "needles: $(wc -l <"$WORK/needles")"
find "$WORK/load" "$WORK/acquirer" "$WORK/ca" "$WORK/blocks" -type f >"$WORK/list"
ls "$WORK"/*.log "$WORK"/*.err >>"$WORK/list"
mapfile -t files <"$WORK/list"
"$SCAN" files "$WORK/needles" "${files[@]}" >"$WORK/found" 2>&1 || complain "in files: $(sort "$WORK/found" | uniq -c | head -n 5)"
"$SCAN" files "$WORK/needles" "$WORK/bdks" >/dev/null 2>&1
[ $? -eq 1 ] || complain "the twin: a file that holds them"
# Idle supervisors and parsers; the token's keys lie in its workers, which no process of another user reads.
for r in load acquirer; do
	eval "pid=\$PID_$r"
	"$SCAN" memory "$WORK/needles" $pid $(pgrep -P $pid -f -- --parser) >"$WORK/found" 2>&1 ||
		complain "in the memory of $r: $(sort "$WORK/found" | uniq -c | head -n 5)"
done
# While a block comes in, its BDK is in no memory of the supervisor, at no instant.
KNOWN=6B0A7C3E915DF248A3C6E1097B5D2F84
partner_block $P/known D $TAKEN $KNOWN B0 A X 'opt_BI = 0170000025'
printf 'known %s\ntaken %s\n' $KNOWN $TAKEN >"$WORK/known"
"$SCAN" beside "$WORK/known" 1 $PID_acquirer "$BIN/bdk" import --room "$WORK/acquirer" $P/known --under taken >"$WORK/found" 2>&1 ||
	complain "while a block comes in: $(sort "$WORK/found" | uniq -c | head -n 5)"
( needle=$(sed -n 's/^zmk //p' "$WORK/needles"); sleep 30 & echo $! >"$WORK/twin"; wait ) &
twin=$!
until [ -s "$WORK/twin" ]; do sleep 0.05; done
"$SCAN" memory "$WORK/needles" $twin >"$WORK/found" 2>&1
[ $? -eq 1 ] || complain "the twin: a process that holds one"
kill "$(cat "$WORK/twin")" $twin 2>/dev/null
# The audit says who did what; check values and names stand there, and no key.
"$BIN/bdk" audit --room "$WORK/load" >"$WORK/audit"
# ... and why a KBPK ended
for why in 'kbpk-compromise.*KBPK next .*: a photograph' 'kbpk-destroying.*KBPK zmk-bank .*: the ceremony is over' 'kbpk-destroy .*KBPK zmk-bank .*: the ceremony is over'; do
	"$BIN/bdk" audit --room "$WORK/load" | grep -q "$why" || complain "the audit does not say why: $why"
done
for act in generate-block import-block kbpk-generate kbpk-import kbpk-compromise kbpk-destroy; do
	grep -q " $act " "$WORK/audit" || complain "the audit has no $act"
done
exit $fail
