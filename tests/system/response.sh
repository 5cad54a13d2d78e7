#!/bin/bash
# The host answers a sale, and the terminal verifies that: text in clear and encrypted data under a MAC, made by a software
# acquirer (lab, with the key set's BDK) under the response keys of the sale's KSN. Wrong, late or twice it is refused, with a
# reason. With BOARD=mps2-an386 on the Cortex-M4, as tests/system/board.sh has it.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/line/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
line_rooms && boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1

pos() { "$BIN/pos" --till "unix:$WORK/t1.till" "$@" >"$WORK/out" 2>"$WORK/said"; }
sale() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1999\ndata = x\n' | pos --slot "$1" --count 1 || complain "no sale: $(cat "$WORK/said")"
	ksn=$(sed -n 's/^ksn = //p' "$WORK/out")
}
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
# calculate COMMAND QUESTION ANSWER: lab's, under the keys of $ksn
calculate() {
	{ echo "scheme = $scheme"; echo "ksn = $ksn"; "$TEST/tools/noise_leak" show --package "$WORK/$set.krx" --key "$WORK/bank.key"; echo "$2"; } |
		"$BIN/lab" "$1" | sed -n "s/^$3 = //p"
}
# response TEXT DATA [DIRECTION]: a stanza; DATA is padded and encrypted
response() {
	local plain data=''
	if [ -n "$2" ]; then
		plain=$(hex "$2")80
		while [ $((${#plain} % (2 * block))) != 0 ]; do plain=${plain}00; done
		data=$(calculate data "data_plaintext = $plain" "enc_${3:-response}")
	fi
	echo "mac = $(calculate mac "message = $(printf %04x%04x ${#1} $((${#1} + ${#data} / 2)))$(hex "$1")$data" "mac_${3:-response}")"
	[ -z "$1" ] || echo "text = $1"
	[ -z "$2" ] || echo "data = $data"
}
# refused STATUS WORDS <STANZA: with one line that says so
refused() {
	pos --response
	[ $? = "$1" ] && [ "$(wc -l <"$WORK/said")" = 1 ] && grep -q "$2" "$WORK/said" || complain "$scheme: not $1 and '$2' but: $(cat "$WORK/said")"
}

slot=0
for scheme in tdes aes128; do
	case $scheme in tdes) set=FFFF111111 block=8 ;; *) set=22222222 block=16 ;; esac
	inject TC-1 $slot $set "unix:$WORK/t1.link" >"$WORK/out" 2>&1 || { cat "$WORK/out"; exit 1; }
	refused 76 'no transaction waits' <<<'mac = 0011223344556677
text = approved'
	sale $slot
	response 'approved' 'balance 17.35' >"$WORK/in"
	pos --response <"$WORK/in" || complain "$scheme: refused: $(cat "$WORK/said")"
	grep -qx 'mac_verdict = ok' "$WORK/out" && grep -qx 'data_clear = balance 17.35' "$WORK/out" || complain "$scheme: $(cat "$WORK/out")"
	[ "$(tail -n 1 "$WORK/t1.display")" = VERIFIED ] || complain "$scheme: the display does not say VERIFIED"
	refused 76 'no transaction waits' <"$WORK/in" # the very same again
	sale $slot
	response 'declined' '' >"$WORK/in"
	pos --response <"$WORK/in" && grep -qx 'mac_verdict = ok' "$WORK/out" && ! grep -q data_clear "$WORK/out" || complain "$scheme: text alone: $(cat "$WORK/said")"
	sale $slot
	response '' ' two words ' >"$WORK/in"
	pos --response <"$WORK/in" && grep -qx "data_clear_hex = $(hex ' two words ' | tr a-f A-F)" "$WORK/out" || complain "$scheme: data alone: $(cat "$WORK/said" "$WORK/out")"

	# Of an earlier sale; under the request's keys; declined made approved; then it is too late for the right one.
	sale $slot
	refused 65 'MAC wrong' <"$WORK/in"
	refused 76 'no transaction waits' < <(response approved 'balance')
	sale $slot
	refused 65 'MAC wrong' < <(response approved 'balance' request)
	sale $slot
	refused 65 'MAC wrong' < <(response declined '' | sed 's/declined/approved/')
	slot=$((slot + 1))
done

refused 65 'mac' <<<'text = approved'
refused 65 'mac' <<<'mac = 00112233
text = approved'
refused 65 'text, data' <<<'mac = 0011223344556677'
refused 65 'whole blocks' <<<'mac = 0011223344556677
data = 00112233'
refused 65 '512' <<<"mac = 0011223344556677
text = $(head -c 513 /dev/zero | tr '\0' x)"
refused 65 'stanza' </dev/null
for wrong in '' '--response --slot 0'; do
	# shellcheck disable=SC2086
	pos $wrong </dev/null
	[ $? = 64 ] && grep -q -e '--slot, --response' "$WORK/said" || complain "pos $wrong: $(cat "$WORK/said")"
done
exit $fail
