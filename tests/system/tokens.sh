#!/bin/bash
# Two kinds of token, SoftHSM and NSS softokn: what the probe says of them, the whole main job on NSS alone and on both mixed,
# databases that are in use, and tokens that lie (tests/shim/lies.h), each caught by name.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err 2>/dev/null; exit 1; }
SOFTHSM=/usr/lib/softhsm/libsofthsm2.so
NSS=$(dpkg -L libnss3 | grep -m 1 '/libsoftokn3\.so$') || die "no libnss3: make deps"

# nss_room NAME PURPOSE: a test room whose token is a fresh NSS database in its folder
nss_room() {
	"$BIN/bdk" init "$WORK/$1" --purpose "$2" --test --name "$1" --token "pkcs11:token=$1?module-path=$NSS" \
		--token-arguments "configdir='sql:{room}/token' dbTokenDescription='$1'"
}
# probe MODULE TOKEN [OPTION...]: to WORK/out and WORK/said
probe() {
	local module=$1 token=$2
	shift 2
	"$BIN/bdkd" --probe --token "pkcs11:token=$token?module-path=$module" --pin-file "$WORK/pin" "$@" \
		>"$WORK/out" 2>"$WORK/said"
}
# names WHAT PATTERN: the one line on standard error
names() { grep -qE "$2" "$WORK/said" && [ "$(wc -l <"$WORK/said")" -eq 1 ] || complain "$1: $(cat "$WORK/said")"; }

# --- What the probe says ----------------------------------------------------------------------------------------------
echo 1234567 >"$WORK/pin"
mkdir "$WORK/store" "$WORK/nss"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/store" >"$WORK/softhsm2.conf"
softhsm2() { SOFTHSM2_CONF="$WORK/softhsm2.conf" "$@"; }
softhsm2 softhsm2-util --init-token --free --label T --pin 1234567 --so-pin 7654321 >/dev/null || die "no SoftHSM token"
softhsm2 probe "$SOFTHSM" T || complain "SoftHSM: $(cat "$WORK/said")"
grep -q '^verdict  production$' "$WORK/out" || complain "SoftHSM: $(cat "$WORK/out")"
softhsm2 probe "$SOFTHSM" T --json && python3 - "$WORK/out" <<'END' || complain "SoftHSM's JSON"
import json, sys
p = json.load(open(sys.argv[1]))
assert p["verdict"] == "production" and "SoftHSM" in p["token"] and len(p["construction"]) == 5
assert {q["answer"] for q in p["questions"] if q["kind"] == "needed"} == {"right"}
assert {q["answer"] for q in p["questions"] if q["kind"] == "must fail"} == {"refused"}
END
softhsm2 probe "$SOFTHSM" U
[ $? -eq 69 ] && [ ! -s "$WORK/out" ] && grep -q 'no token fits the URI' "$WORK/said" || complain "no token: $(cat "$WORK/said")"
for bad in 'pin-value=1:PIN' 'pin-source=file:/x:PIN' 'x-vendor=1:unknown' 'module-path=/y:twice'; do
	softhsm2 probe "$SOFTHSM&${bad%:*}" T
	[ $? -eq 69 ] && grep -q "${bad##*:}" "$WORK/said" || complain "$bad: $(cat "$WORK/said")"
done

# --- Rooms: three on NSS, two more on SoftHSM beside them ---------------------------------------------------------------
nss_room ca ca >/dev/null && nss_room load load >/dev/null && nss_room acquirer acquirer >/dev/null || die "rooms on NSS"
room load2 load >/dev/null && room acquirer2 acquirer >/dev/null || die "rooms on SoftHSM"
mv "$WORK/load" "$WORK/moved" && mv "$WORK/moved" "$WORK/load" || die "mv" # a room may be moved: {room} says where it is
grep -qF '{room}' "$WORK/load/room.conf" || complain "the room names its folder"
for r in ca load acquirer load2 acquirer2; do serve $r || die "serve $r"; done
for r in load acquirer load2 acquirer2; do certify ca $r "${r%2}" || die "certify $r"; done
blame='wrap-unextractable, loosen-copy, derive-forbidden'
for r in ca load acquirer; do
	grep -q "warning: the token allows what must fail, no production room may use it: $blame\$" "$WORK/$r.err" ||
		complain "$r does not warn: $(cat "$WORK/$r.err")"
	"$BIN/bdk" probe --room "$WORK/$r" | grep -qxF "verdict  test ($blame)" || complain "bdk probe in $r"
done
for r in load2 acquirer2; do
	! grep -q 'allows what must fail' "$WORK/$r.err" || complain "$r warns"
	"$BIN/bdk" probe --room "$WORK/$r" --json | grep -q '"verdict": "production"' || complain "bdk probe in $r"
done

for t in t1 t2; do
	boot $t TC-$t ca "unix:$WORK/$t.link" && enrol $t TC-$t ca "unix:$WORK/$t.link" >/dev/null 2>&1 || die "enrol $t"
done
loads=0
while read -r t slot from to scheme; do
	"$BIN/bdk" generate --room "$WORK/$from" --scheme "$scheme" --for "$WORK/$to.crt" --out "$WORK/$t$slot.krx" >"$WORK/made" 2>/dev/null &&
		"$BIN/bdk" import --room "$WORK/$to" "$WORK/$t$slot.krx" >"$WORK/taken" || die "$from to $to, $scheme"
	set=$(sed 's/generated key set \([0-9A-F]*\) .*/\1/' "$WORK/made")
	lease "$set" "$scheme" 0-999 "$from" || die "lease for $from"
	grep -o 'key set .*check value [0-9A-F]*' "$WORK/made" | grep -qFf - "$WORK/taken" || complain "$from to $to: another key"
	"$BIN/kif" inject --room "$WORK/$from" --port "unix:$WORK/$t.link" --serial TC-$t --key-set "$set" --slot $slot \
		--ledger "$WORK/$from.db" >/dev/null 2>"$WORK/said" || complain "$from, $scheme: $(cat "$WORK/said")"
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = track two\n' |
		"$BIN/pos" --till "unix:$WORK/$t.till" --slot $slot --count 2 >"$WORK/sale" 2>/dev/null || complain "no sale"
	"$BIN/acquirer" decrypt --room "$WORK/$to" "$WORK/sale" >"$WORK/clear" 2>&1
	[ "$(grep -cx 'pin = 1234' "$WORK/clear")" = 2 ] && [ "$(grep -cx 'mac_verdict = ok' "$WORK/clear")" = 2 ] ||
		complain "$from to $to, $scheme: what was sold is not recovered"
	loads=$((loads + 1))
done <<END
t1 0 load acquirer tdes
t1 1 load acquirer aes128
t1 2 load acquirer2 tdes
t1 3 load acquirer2 aes128
t2 0 load2 acquirer tdes
t2 1 load2 acquirer aes128
END
[ $loads = 6 ] || complain "only $loads loads"
stop_all

# --- A database that is in use ----------------------------------------------------------------------------------------
# used [OPTION...]: a room on the NSS database in WORK/nss
used() {
	"$BIN/bdk" init "$WORK/used" --purpose load --test --token "pkcs11:token=Used?module-path=$NSS" --module-folder "$WORK/nss" \
		--token-arguments "configdir='sql:$WORK/nss' dbTokenDescription='Used'" "$@" >"$WORK/out" 2>"$WORK/said"
}
used || complain "a blank database: $(cat "$WORK/said")"
cp "$WORK/used/pin" "$WORK/used.pin"
serve used || complain "a room beside its database"
stop used
rm -rf "$WORK/used"
used && complain "a database in use was taken without its PIN"
names "a database in use" 'its PIN is needed \(--pin-file\)'
used --pin-file "$WORK/pin" && complain "a wrong PIN was taken"
grep -q 'does not take the PIN' "$WORK/said" || complain "a wrong PIN: $(cat "$WORK/said")"
used --pin-file "$WORK/used.pin" && complain "a room was made on the keys of another"
names "a database of another room" 'serves a room already'
[ ! -e "$WORK/used" ] || complain "what failed left a folder"

# --- Lies -------------------------------------------------------------------------------------------------------------
gcc -std=c17 -O2 -fPIC -shared -I. -D_GNU_SOURCE $(pkg-config --cflags p11-kit-1) -o "$WORK/liar.so" tests/shim/liar.c -ldl ||
	die "liar.so"
lying() { softhsm2 env KEYROOM_LIE="$1" "$BIN/bdkd" --probe --token "pkcs11:token=T?module-path=$WORK/liar.so" \
	--pin-file "$WORK/pin" >"$WORK/out" 2>"$WORK/said"; }
lies=0
for l in read-sensitive read-private change-unmodifiable wrap-unextractable loosen-copy encrypt-derive-only derive-forbidden \
	unwrap-spoiled; do
	lying $l || complain "$l: $(cat "$WORK/said")"
	grep -qx "verdict  test ($l)" "$WORK/out" || complain "$l is not named: $(cat "$WORK/out")"
	lies=$((lies + 1))
done
for l in kdf tdes-initial-key aes-initial-key unwrap copy signature agreement key-wrap-pad; do
	lying $l
	[ $? -eq 69 ] || complain "$l: status $?"
	grep -q "^verdict  unusable" "$WORK/out" && grep -qE "^bdkd: token: probe: (${l/key-wrap-pad/kdf}):" "$WORK/said" ||
		complain "$l is not named: $(cat "$WORK/said")"
	lies=$((lies + 1))
done
lying aes192-initial-key && grep -q '^verdict  production' "$WORK/out" && grep -q 'aes192-initial-key *wrong' "$WORK/out" &&
	grep -q 'aes256-initial-key *right' "$WORK/out" || complain "aes192-initial-key: $(cat "$WORK/out" "$WORK/said")"
lies=$((lies + 1))
# A token that says that the next wrong PIN locks it, or that it is locked, is given none, not even the right one.
for l in 'pin-final-try one more wrong PIN' 'pin-locked has locked'; do
	lying ${l%% *}
	[ $? -eq 77 ] && grep -q "${l#* }" "$WORK/said" || complain "$l: $(cat "$WORK/said")"
	grep -q 'a PIN was tried' "$WORK/said" && complain "$l: a PIN was tried"
	lies=$((lies + 1))
done
lying pin-count-low && [ "$(grep -c 'a PIN was tried' "$WORK/said")" = 1 ] || complain "the twin (a PIN that is tried, once): $(cat "$WORK/said")"
lies=$((lies + 1))
[ $lies -eq "$(grep -c '!strcmp(name' tests/shim/lies.h)" ] || complain "not every lie was told"
exit $fail
