#!/bin/bash
# A new initial key under the update key, with real programs: lab derives the update key from the BDK and makes the key block,
# kif carries it, the terminal sells under the new key, and lab opens what it sold. What is lost on the line, the same command
# settles; what is meant for another key, another slot or another KSN changes nothing.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
LAB=$BIN/lab LINK=unix:$WORK/t1.link PORT=unix:$WORK/t1.link

# The test owns the ca room, so it is certified as an acquirer and learns the BDK that the terminal's key comes from.
gcc -std=c17 -O2 -I. -D_GNU_SOURCE $(pkg-config --cflags libp11 p11-kit-1) -o "$WORK/keys" tests/leaks/keys.c \
	$(for l in tests-lib bdk bdk-client dukpt protocol crypto crypto-openssl base-host base; do echo "$B/lib/lib$l.a"; done) \
	$TEST_EXT || exit 1
middle() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$1.pem" &&
	openssl ec -in "$WORK/$1.pem" -outform DER 2>/dev/null | tail -c +8 | head -c 32 >"$WORK/$1.key" &&
	openssl req -new -key "$WORK/$1.pem" -subj "/CN=$1" -out "$WORK/$1.csr" &&
	"$BIN/bdk" certify --room "$WORK/ca" --role "$2" "$WORK/$1.csr" >"$WORK/$1.crt"
}
for r in ca load; do
	room $r $r >/dev/null && serve $r || die "$r"
done
certify ca load load && middle Middle-A acquirer && middle Middle-K load || die "certify"
for s in 'aes128 12345678' 'tdes FFFF123456'; do
	set -- $s
	"$BIN/bdk" generate --room "$WORK/load" --scheme $1 --id $2 --for "$WORK/Middle-A.crt" --out "$WORK/$1.krx" \
		>/dev/null 2>&1 && lease $2 $1 || die "generate $1"
done
"$WORK/keys" open "$WORK/Middle-A.key" "$WORK/Middle-K.key" "$WORK/Middle-K.crt" "$WORK/ca.anchors" "$WORK/Middle-A.crt" \
	"$WORK/aes128.krx" "$WORK/again" >"$WORK/aes.keys" || die "keys"
BDK=$(sed -n 's/^bdk //p' "$WORK/aes.keys")
boot t1 TC-1 ca "$LINK" && enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || die "t1"
inject TC-1 0 FFFF123456 "$LINK" >"$WORK/out" 2>&1 && inject TC-1 1 12345678 "$LINK" >"$WORK/out" 2>&1 || die "inject"
FIRST=$(sed -n 's/^initial KSN \([0-9A-F]*\) .*/\1/p' "$WORK/out")

# answer COMMAND FIELD STANZA: one field of lab's answer
answer() { printf '%b\n' "$3" | "$LAB" "$1" | sed -n "s/^$2 = //p"; }
# block KEY-FIELD KEY KSN NEW-KEY NEW-ID: a file with the new initial key for the terminal that KEY and KSN name
block() {
	local kek
	kek=$(answer derive key_key_encryption "$1 = $2\nksn = ${3%????????}FFFFFFFF\nupdate_key = yes")
	[ -n "$kek" ] || die "no update key"
	printf 'key = %s\nkbpk = %s\nversion = D\nusage = B1\nalgorithm = A\nmode = X\nik_opt = %s\n' "$4" "$kek" "$5" |
		"$LAB" keyblock >"$WORK/block"
}
update() { "$BIN/kif" update --port "$PORT" --slot "$1" --timeout 2 "${2:-$WORK/block}" >"$WORK/out" 2>&1; }
said() { grep -qE "$1" "$WORK/out" || { complain "no '$1' in:"; sed 's/^/    /' "$WORK/out"; }; }
# refused SLOT WORDS: so it is, and the terminal's memory is as it was
refused() {
	local was
	was=$(sha256sum <"$WORK/t1.nv")
	update "$1" && complain "taken, not refused: $2"
	said "$2"
	[ "$was" = "$(sha256sum <"$WORK/t1.nv")" ] || complain "refused, but something changed: $2"
}
# sells IK ID FROM: three transactions of this initial key, from that counter on, open with nothing but the initial key
sells() {
	local n ksn data
	printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = sixteen bytes !!\n' |
		"$BIN/pos" --till "unix:$WORK/t1.till" --slot 1 --count 3 >"$WORK/sale" || { complain "pos"; return; }
	for n in 0 1 2; do
		ksn=$(printf '%s%08X' "$2" $(($3 + n)))
		sed -n "/^ksn = $ksn/,/^\$/p" "$WORK/sale" >"$WORK/one"
		[ -s "$WORK/one" ] || { complain "no $ksn among: $(grep ^ksn "$WORK/sale")"; return; }
		pick() { sed -n "s/^$1 = //p" "$WORK/one"; }
		[ "$(answer pinblock pin "ik = $1\nksn = $ksn\nformat = 4\npan = 4111111111111111\nenc_pin_block = $(pick pin_block)")" = 1234 ] ||
			complain "$ksn: the PIN is not recovered"
		[ "$(answer mac mac_request "ik = $1\nksn = $ksn\nmac_len = 8\nmac_data = $(pick mac_data)")" = "$(pick mac | cut -c1-16)" ] ||
			complain "$ksn: the MAC is another"
		data=$(answer data data_plaintext "ik = $1\nksn = $ksn\nenc_request = $(pick data)")
		[ "${data:0:32}" = "$(printf 'sixteen bytes !!' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)" ] || complain "$ksn: the data are '$data'"
	done
}
OLD=$(answer derive ik "bdk = $BDK\niksn = $FIRST")
NEW=00112233445566778899AABBCCDDEEFF ID=1234567890123456
LATER=FFEEDDCCBBAA99887766554433221100 LATER_ID=1234567890123457
sells "$OLD" "${FIRST%????????}" 1

# Before: what must not be taken.
block bdk "$BDK" "${FIRST%?????????}F00000000" "$NEW" $ID
refused 1 'MAC wrong' # another terminal's of the same key set
block bdk "$BDK" "$FIRST" "$NEW" "${FIRST%????????}"
refused 1 'nonce, point or KSN'
block bdk "$BDK" "$FIRST" "$NEW" $ID
refused 0 'no such scheme'
refused 2 'holds no key'
refused 7 'no such slot'
sed 's/key_block = \(.*\)..../key_block = \10000/' "$WORK/block" >"$WORK/hurt"
was=$(sha256sum <"$WORK/t1.nv")
update 1 "$WORK/hurt" && complain "a hurt block is taken"
said 'MAC wrong'
[ "$was" = "$(sha256sum <"$WORK/t1.nv")" ] || complain "a hurt block changes something"
update 1 "$WORK/ca.anchors" && complain "certificates are a key block"
said 'no key block'
update 9 && complain "slot 9"
sells "$OLD" "${FIRST%????????}" 4

# The update, without its RECEIPT; the same command again settles it, and the terminal sells under the new key alone.
start tap "tap: listening" "$TEST/tools/tap" pass --listen "$WORK/tap" --to "$WORK/t1.link" --cut RECEIPT || die "tap"
PORT=unix:$WORK/tap
update 1 && complain "updated without a RECEIPT"
said 'same command again'
stop tap
PORT=$LINK
sells "$NEW" $ID 1
update 1 || complain "not settled: $(cat "$WORK/out")"
said '^slot 1: updated'
said "^initial KSN ${ID}00000000  check value $(answer keyblock kcv "key_block = $(sed -n 's/^key_block = //p' "$WORK/block")\nkbpk = $(
	answer derive key_key_encryption "bdk = $BDK\nksn = ${FIRST%????????}FFFFFFFF\nupdate_key = yes")")  load count 2 "
grep -q "^SLOT 1 LOADED ${ID}00000000" "$WORK/t1.display" || complain "the display does not show it"
sells "$NEW" $ID 4
stop t1
boot t1 TC-1 ca "$LINK" || die "t1 again"
update 1 || complain "not the same after a restart"
sells "$NEW" $ID 7

# From the new key to the next, out of a file that holds the block alone; as JSON.
block ik "$NEW" ${ID}00000000 "$LATER" $LATER_ID
sed -n 's/^key_block = //p' "$WORK/block" >"$WORK/raw"
"$BIN/kif" update --port "$LINK" --slot 1 --json - <"$WORK/raw" >"$WORK/out" 2>&1 || complain "the second update"
said "\"initial_ksn\": \"${LATER_ID}00000000\""
sells "$LATER" $LATER_ID 1

# The room still knows its terminal: it empties the slot, and loads it again.
"$BIN/kif" zeroize --room "$WORK/load" --port "$LINK" --serial TC-1 --slot 1 --reason reload --ledger "$WORK/kif.db" \
	>"$WORK/out" 2>&1 || complain "zeroize after an update: $(cat "$WORK/out")"
inject TC-1 1 12345678 "$LINK" >"$WORK/out" 2>&1 || complain "inject after an update: $(cat "$WORK/out")"
FIRST=$(sed -n 's/^initial KSN \([0-9A-F]*\) .*/\1/p' "$WORK/out")
sells "$(answer derive ik "bdk = $BDK\niksn = $FIRST")" "${FIRST%????????}" 1
exit $fail
