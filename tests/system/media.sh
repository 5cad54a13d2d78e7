#!/bin/bash
# Bags and media, by the commands: a number is used once; damage and loss suspend the key that hangs on a bag at once, and nothing
# is loaded from it until it is resumed; a ceremony does not close before everything made or opened in it has a disposition, and
# names what has none; its record, as text and as a page, says what became of each.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
ROOM=$WORK/load
run() { "$BIN/bdk" "$@" --room "$ROOM" >"$WORK/out" 2>&1; }
ok() { run "$@" || complain "$*: $? $(cat "$WORK/out")"; }
# refused STATUS PATTERN WORDS...
refused() {
	local status=$1 pattern=$2 got
	shift 2
	run "$@"
	got=$?
	[ $got = "$status" ] && grep -qE "$pattern" "$WORK/out" || complain "$*: status $got: $(cat "$WORK/out")"
}
record() { ok bag record "$1" --medium component --part "$2" --of FFFF111111 --custodian "$3" --purpose "paper of keys"; }
state() { "$BIN/bdk" list --room "$ROOM" --json | sed -n 's/.*"key_set": "FFFF111111".*"state": "\([a-z-]*\)".*/\1/p'; }
bag() { "$BIN/bdk" bag list --room "$ROOM" --json | grep "\"bag\": \"$1\"" | sed -n "s/.*\"$2\": \"*\([^\",}]*\)\"*[,}].*/\1/p"; }

three_rooms || exit 1
ok generate --scheme tdes --id FFFF111111 --for "$WORK/acquirer.crt" --out "$WORK/a.krx"
lease FFFF111111 tdes || exit 1

# --- Words ------------------------------------------------------------------------------------------------------------
refused 64 'are needed' bag record A1 --medium card
refused 64 'K/N' bag record A1 --medium card --custodian ann --purpose x --part 3/2
refused 65 'medium is' bag record A1 --medium disk --custodian ann --purpose x
refused 65 'number is 1 to 15' bag record 'A 1' --medium card --custodian ann --purpose x
refused 65 'no bag of that number' bag open A1
refused 64 'is needed' bag move A1
refused 64 'with a bag' bag burn A1

# --- Found damaged ----------------------------------------------------------------------------------------------------
record A1 1/3 ann
grep -q 'no key' "$WORK/out" && complain "a key that is here: $(cat "$WORK/out")"
record A2 2/3 bob
refused 73 'used once' bag record A1 --medium card --custodian ann --purpose x
refused 65 'reason' bag damaged A1
[ "$(state)" = active ] || complain "a bag that was never reported: $(state)"
ok bag sealed A1
ok bag damaged A1 --reason "torn at the seam"
for said in 'FFFF111111 is suspended' 'a package or key block of FFFF111111 has left the room' 'lease 1: device ids 0 to 999, 1000 left'; do
	grep -q "$said" "$WORK/out" || complain "damaged: $(cat "$WORK/out")"
done
[ "$(state)" = suspended ] || complain "damaged, and the key set is $(state)"
grep -q '^left in a package' "$WORK/out" || complain "damaged, and no terminals are listed: $(cat "$WORK/out")"
refused 65 'a reason is needed: bag A1' resume FFFF111111
refused 65 'a reason is needed: bag A1' deactivate FFFF111111
ok resume FFFF111111 --reason "its part was made anew"
ok bag missing A2 --reason "not in safe 2"
[ "$(state)" = suspended ] || complain "missing, and the key set is $(state)"
"$BIN/bdk" audit --room "$ROOM" --json | grep -q '"object": "A2: component 2 of 3 of FFFF111111: missing, not in safe 2 (key suspended)"' || complain "the audit does not say so"
ok bag damaged A2 --reason "found behind it"
grep -q suspended "$WORK/out" && complain "suspended twice"
ok resume FFFF111111 --reason "nobody had seen it"
ok bag record A9 --medium share --custodian ann --purpose "share of the room"
ok bag damaged A9 --reason "wet"
grep -q suspended "$WORK/out" && complain "a share suspends a key"
# A KBPK: nothing goes out under it until it is resumed
ok kbpk generate partner --algorithm AES128
under() { ok generate --scheme aes128 --id "$1" --under partner --out "$WORK/$1.tr31"; }
under 11111111
ok bag record K1 --medium component --part 1/2 --of partner --custodian ann --purpose "paper"
ok bag missing K1 --reason "not in safe 2"
grep -q 'partner is suspended' "$WORK/out" && grep -q 'bdk-11111111 went out under it' "$WORK/out" || complain "a KBPK's bag: $(cat "$WORK/out")"
refused 77 'partner is suspended' generate --scheme aes128 --id 22222222 --under partner --out "$WORK/2.tr31"
refused 64 'is needed' kbpk resume partner
ok kbpk resume partner --reason "found behind safe 2"
refused 77 'not suspended' kbpk resume partner --reason "again"
under 33333333

# Damaged before the key came: it comes in suspended
ok bag record E0 --medium component --part 1/2 --of ffff111111 --custodian ann --purpose "mistyped"
grep -q 'no key ffff111111 is in this room' "$WORK/out" || complain "a key that is not here: $(cat "$WORK/out")"
ok bag damaged E0 --reason "torn"
grep -q 'no key ffff111111 is in this room' "$WORK/out" || complain "damaged, and nothing suspended: $(cat "$WORK/out")"
ok bag record E1 --medium component --part 1/2 --of 44444444 --custodian ann --purpose "paper"
ok bag damaged E1 --reason "torn"
ok generate --scheme aes128 --id 44444444 --for "$WORK/acquirer.crt" --out "$WORK/e.krx"
"$BIN/bdk" list --room "$ROOM" --json | grep '"key_set": "44444444"' | grep -q '"state": "suspended"' || complain "a damaged bag was forgotten"
"$BIN/bdk" audit --room "$ROOM" --json | grep -q '"object": "44444444 suspended: bag E1 damaged"' || complain "the audit does not say why"
ok resume 44444444 --reason "made anew"
ok bag record E2 --medium component --part 1/2 --of later --custodian ann --purpose "paper"
ok bag missing E2 --reason "not in safe 2"
ok kbpk generate later --algorithm AES128
refused 77 'later is suspended' generate --scheme aes128 --id 55555555 --under later --out "$WORK/5.tr31"
ok kbpk resume later --reason "made anew"

# --- A ceremony -------------------------------------------------------------------------------------------------------
ok ceremony open "Components"
ok bag record B1 --medium component --part 1/2 --of FFFF111111 --custodian ann --purpose "paper <b>of</b> keys"
ok bag record B2 --medium card --custodian bob --purpose 'a card & its PIN'
ok bag open B1
refused 65 'B1, B2' ceremony close "all done"
ok bag move B2 --to stored --place "safe 2"
refused 65 'open it first' bag move B2 --to re-bagged --place B3
refused 65 'not stored' bag move B1 --to stored --place "safe 2"
refused 73 'used once' bag move B1 --to re-bagged --place A1
refused 65 '1 bag has no disposition yet: B1$|1 bag has no disposition yet: B1;' ceremony close "all done"
ok bag move B1 --to re-bagged --place B3
refused 65 'no disposition yet: B3' ceremony close "all done"
refused 65 'nothing is in it any more' bag open B1
ok bag move B3 --to returned
ok ceremony close "all done"
[ "$(bag B3 place)$(bag B3 disposition)$(bag B3 needed)" = annreturned0 ] || complain "B3: $("$BIN/bdk" bag list --room "$ROOM" --json | grep B3)"
"$BIN/bdk" bag list --room "$ROOM" >"$WORK/list" && grep -q '^B1 .*opened .*re-bagged .*B3' "$WORK/list" || complain "list: $(cat "$WORK/list")"

# --- Its record ---------------------------------------------------------------------------------------------------------
"$BIN/bdk" audit key --room "$ROOM" >"$WORK/records.pem"
ok ceremony record --out "$WORK/first"
"$BIN/bdk" ceremony verify "$WORK/first.txt" --key "$WORK/records.pem" >"$WORK/out" 2>&1 || complain "verify: $(cat "$WORK/out")"
sed -n '/^Bags$/,/^$/p' "$WORK/first.txt" | sed 's/^ *[0-9]*  *//; 1d; $d' >"$WORK/bags"
diff - "$WORK/bags" <<-'END' || complain "the record's bags"
	B1  component 1 of 2 of FFFF111111
	ann, for paper <b>of</b> keys
	opened
	re-bagged as B3
	B2  card
	bob, for a card & its PIN
	stored, safe 2
	B3  component 1 of 2 of FFFF111111
	ann, for paper <b>of</b> keys
	returned to ann
END
for said in '<td class="b m">B1</td><td>component 1 of 2 of FFFF111111</td>' 'ann, for paper &lt;b&gt;of&lt;/b&gt; keys<br>opened<br><b>re-bagged as B3</b>' \
	'a card &amp; its PIN<br><b>stored, safe 2</b>' '<b>returned to ann</b>'; do
	grep -qF "$said" "$WORK/first.html" || complain "the page lacks '$said'"
done
sed 's/stored, safe 2/stored, safe 3/' "$WORK/first.txt" >"$WORK/wrong.txt"
"$BIN/bdk" ceremony verify "$WORK/wrong.txt" --key "$WORK/records.pem" >/dev/null 2>&1 && complain "a disposition that was changed is not found out"
exit $fail
