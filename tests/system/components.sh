#!/bin/bash
# A key that custodians enter by components, each at a terminal of the own: fresh ones for mailers, the same three entered in a load
# room and in an acquirer room, a terminal loaded and recovered; every way to stop half-way; and no component anywhere afterwards.
set -u
shopt -s lastpipe # who sits down at the end of a pipe is this shell's
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has entered a component"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/people/typed.py tests/components/typist.py "$WORK" || exit 1
mkdir -m 1777 "$WORK/screens" && mkdir -p "$TEST/leaks"
SCAN=$TEST/leaks/scan-components
gcc -std=c17 -O2 -I. -D_GNU_SOURCE -o "$SCAN" tests/leaks/scan.c "$B/lib/libbase.a" || exit 1
gcc -std=c17 -O2 -shared -fPIC -o "$WORK/halt.so" tests/leaks/halt.c || exit 1
BIN=$WORK/bin S=$WORK/screens
uid_of() { case $1 in anna) echo 60052 ;; bert) echo 60053 ;; carl) echo 60054 ;; otto) echo 60056 ;; olga) echo 60057 ;; esac; }
role_of() { case $1 in otto | olga) echo operator ;; *) echo custodian ;; esac; }
phrase_of() { echo "the passphrase of $1, no. $(uid_of "$1")"; }
as() { local u; u=$(uid_of "$1"); shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
until_says() { timeout 60 sh -c 'until grep -q -- "$1" "$2" 2>/dev/null; do sleep 0.02; done' - "$1" "$2" || complain "never said '$1': $(cat "$2")"; }

# --- Two rooms with people -------------------------------------------------------------------------------------------------------
three_rooms || exit 1
for r in load acquirer; do
	stop $r
	printf 'people-user = 60052 60053 60054 60056 60057\n' >>"$WORK/$r/room.conf"
	serve $r || exit 1
done
# by NAME ROOM COMMAND...: the passphrase is typed when it is asked for
become() {
	local who=$1 room=$2 u
	shift 2
	u=$(uid_of "$who")
	exec setpriv --reuid="$u" --regid="$u" --clear-groups /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" "$@" --room "$WORK/$room" \
		< <(phrase_of "$who"; phrase_of "$who")
}
by() { (become "$@"); }
# both NAME NAME ROOM COMMAND...: the first asks, the second agrees
both() {
	local one=$1 two=$2 room=$3
	shift 3
	rm -f "$WORK/asked"
	by "$one" "$room" "$@" >"$WORK/asked" 2>&1 &
	local pid=$!
	until_says '^waiting' "$WORK/asked"
	by "$two" "$room" approve "$(sed -n 's/^  digest  //p' "$WORK/asked")" >"$WORK/said" 2>&1 || complain "$two: $(cat "$WORK/said")"
	wait $pid || complain "$*: $(cat "$WORK/asked")"
}
for r in load acquirer; do
	# two custodians, and appointing takes two
	for p in $([ $r = load ] && echo otto olga) anna bert; do
		"$BIN/bdk" appoint --room "$WORK/$r" $p --uid "$(uid_of $p)" --role "$(role_of $p)" >/dev/null || complain "appoint $p"
		by $p $r passphrase >/dev/null || complain "passphrase of $p"
	done
	both anna bert $r appoint carl --uid "$(uid_of carl)" --role custodian
	by carl $r passphrase >/dev/null || complain "passphrase of carl"
done

# --- Custodians at their terminals -----------------------------------------------------------------------------------------------
# sits NAME SCREEN ROOM COMMAND...: in the background, typing what standard input says; gone NAME: its status
sits() {
	local who=$1 screen=$2 room=$3 u
	shift 3
	u=$(uid_of "$who")
	rm -f "$S/$screen"
	setpriv --reuid="$u" --regid="$u" --clear-groups /usr/bin/python3 "$WORK/typist.py" "$S/$screen" "$BIN/bdk" "$@" \
		--room "$WORK/$room" <<<"$(cat)" &
	eval "PID_$screen=$!"
	PIDS="$PIDS $!"
}
gone() { local s pid; eval "pid=\$PID_$1"; wait $pid; s=$?; PIDS=${PIDS/ $pid/}; return $s; }
pass() { printf 'Passphrase of %s: \t!%s\n' "$1" "$(phrase_of "$1")"; }
# types NAME COMPONENT: logs in, types it, confirms its check value
types() { pass "$1"; printf 'Your component, digits 1 to 4 of 32: \t!%s\nyes or no): \tyes\n' "$2"; }
digest_in() { until_says '^  digest' "$S/$1"; sed -n 's/^  digest  //p' "$S/$1" | tr -d '\r '; }
begins() { local who=$1 screen=$2 room=$3; shift 3; sits "$who" "$screen" "$room" import --components "$@"; }
joins() { local who=$1 screen=$2 room=$3; shift 3; sits "$who" "$screen" "$room" import --join "$@"; }
is_in() { until_says "component $2 of" "$S/$1"; }
# nothing ROOM TITLE: neither a key set nor an object in the token more than before. That nothing is under way the next one shows,
# who can begin
objects() {
	SOFTHSM2_CONF=$WORK/$1/token/softhsm2.conf pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin "$(cat "$WORK/$1/pin")" \
		--list-objects --type secrkey 2>/dev/null | grep -c 'label: *bdk-'
}
room_of() { as anna "$BIN/bdk" digest --room "$WORK/$1"; objects "$1"; }
nothing() { [ "$(room_of $1)" = "${was[$1]}" ] || complain "$2: something is there: $(room_of $1)"; }
declare -A was

# --- Fresh components: shown once, on a terminal ------------------------------------------------------------------------------------
by anna load component --scheme tdes --of FFFF111111 --part 1/3 --bag M-1 >"$WORK/said" 2>&1 && complain "a component goes to a pipe"
grep -q 'is no terminal' "$WORK/said" || complain "anna was told: $(cat "$WORK/said")"
i=0
for p in anna bert carl; do
	i=$((i + 1))
	{ pass $p; printf 'press a key\t-KEY\n'; } | { sits $p mailer$i load component --scheme tdes --of FFFF111111 --part $i/3 --bag M-$i; gone mailer$i; } ||
		complain "component $i: $(cat "$S/mailer$i")"
	# what is seen when it was left: what comes after the last clearing of the screen
	tail -c 200 "$S/mailer$i" | awk 'BEGIN { RS = "\033\\[3J" } END { print }' | grep -q 'component  ' && complain "the screen keeps it"
	eval "C$i=$(tr -d '\r' <"$S/mailer$i" | sed -n '/^  component /,/^  check value/p' | grep -v 'check value' | sed 's/component//' | tr -d ' \n')"
	eval "V$i=$(tr -d '\r' <"$S/mailer$i" | sed -n 's/^  check value *//p')"
	eval "[ \${#C$i} = 32 ]" || complain "component $i: $(cat "$S/mailer$i")"
	eval "printf 'component$i %s\n' \$C$i" >>"$WORK/needles"
done
rm "$S"/mailer*
# into a new file, which is not there where there is no component; and nobody gets two of one key
by anna load component --scheme tdes --of FFFF333333 --part 1/2 --bag F-1 --mailer "$S/file" >"$WORK/said" 2>&1 || complain "a file: $(cat "$WORK/said")"
grep -q '^  component   *[0-9A-F ]*$' "$S/file" && [ "$(stat -c %a "$S/file")" = 600 ] || complain "the mailer's file: $(ls -l "$S/file")"
rm -f "$S/file"
by anna load component --scheme tdes --of FFFF333333 --part 1/2 --bag F-1 --mailer "$S/file" >"$WORK/said" 2>&1 && complain "a bag that was used"
by anna load component --scheme tdes --of FFFF333333 --part 2/2 --bag F-2 --mailer "$S/file" >"$WORK/said" 2>&1 && complain "anna has both"
grep -q "each is another person's" "$WORK/said" || complain "anna was told: $(cat "$WORK/said")"
[ -e "$S/file" ] && complain "a file without a component is left"
python3 - "$C1" "$C2" "$C3" >"$WORK/total" <<'PY' || complain "not three good components"
import sys
parts = [bytes.fromhex(p) for p in sys.argv[1:]]
assert len(set(parts)) == 3 and all(bin(b).count("1") % 2 for p in parts for b in p), "parity"
total = bytes(a ^ b ^ c for a, b, c in zip(*parts))
print(total.hex().upper())
PY
printf 'bdk %s\n' "$(cat "$WORK/total")" >>"$WORK/needles"
kcv() { printf '\0\0\0\0\0\0\0\0' | openssl enc -des-ede -nopad -K "$1" 2>/dev/null | xxd -p -u | cut -c1-6; }
KCV=$(kcv "$(cat "$WORK/total")")
[ "$(kcv "$C1")" = "$V1" ] && [ "$(kcv "$C3")" = "$V3" ] || complain "the check values on the mailers: $V1 $V3"

# to a printer, or into a new file that nobody else reads
mails() { by anna load component --algorithm 3TDEA --of other --part 1/2 --bag "$1" --mailer "$2" >"$WORK/said" 2>&1; }
mails Q-1 "$S/mailer" || complain "no mailer: $(cat "$WORK/said")"
[ "$(stat -c %a "$S/mailer")" = 600 ] && grep -q '^  custodian *anna' "$S/mailer" && grep -q 'component for bag Q-1, check value' "$WORK/said" ||
	complain "the mailer: $(cat "$WORK/said")"
q=$(sed -n '/^  component /,/^  check value/p' "$S/mailer" | grep -v 'check value' | sed 's/component//' | tr -d ' \n')
[ ${#q} = 48 ] && printf 'mailer %s\n' "$q" >>"$WORK/needles" || complain "not 48 digits on the mailer"
mails Q-2 "$S/mailer" && complain "a mailer is written over"
rm "$S/mailer"
mails Q-2 /dev/null || complain "a printer: $(cat "$WORK/said")"
mails Q-2 /dev/null && complain "a bag twice"
# words that go with nothing, before anybody has typed anything
for bad in '--components 1 --scheme tdes --id FFFF222222 --bag B-1' '--components 10 --scheme tdes --id FFFF222222 --bag B-1' \
	'--components 2 --scheme tdes --bag B-1' '--components 2 --id FFFF222222 --bag B-1' '--components 2 --scheme tdes --id FFFF222222' \
	'--components 2 --kbpk x --bag B-1' '--components 2 --kbpk x --algorithm 3TDEA --id FFFF222222 --bag B-1' '--join' '--join --withdraw' \
	'--components 2 --scheme tdes --id FFFF222222 --bag B-1 --check-value 12345'; do
	"$BIN/bdk" import --room "$WORK/load" $bad >"$WORK/said" 2>&1 </dev/null
	[ $? -eq 64 ] && [ "$(wc -l <"$WORK/said")" = 1 ] || complain "bdk import $bad: $(cat "$WORK/said")"
done

# --- Every way to stop half-way, and nothing is kept -----------------------------------------------------------------------------------
A=5D79A1F4298C3BE64C0EF2FD1A76D093 E=D0C1B2A39485766758493A2B1C0D0E0F # of nobody's mailer
printf 'abandoned1 %s\nabandoned2 %s\n' $A $E >>"$WORK/needles"
was[load]=$(room_of load) bag=100
next() { bag=$((bag + 2)); } # a bag is used for one part
# the one who begins interrupts: before anything was typed; while it waits
next; { pass anna; printf 'digits 1 to 4 of 32: \t^C\n'; } | begins anna anna load 2 --scheme tdes --id FFFF222222 --bag B-$bag
gone anna && complain "an interrupted beginner"
nothing load "interrupted while it was typed"
next; types anna $A | begins anna anna load 2 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
# meanwhile the supervisor holds it, by design, and bdk no more: who looks there finds it, as in whoever has typed it
bdk_of() { eval "pgrep -P \$PID_$1"; }
clean() { "$SCAN" "$@" >"$WORK/found" 2>"$WORK/said" || complain "$(sort "$WORK/found" | uniq -c | head; cat "$WORK/said")"; }
"$SCAN" memory "$WORK/needles" $PID_load >"$WORK/found" 2>/dev/null
grep -q 'abandoned1 bytes' "$WORK/found" || complain "the twin: no component in the room while one is entered"
"$SCAN" memory "$WORK/needles" $PID_anna >"$WORK/found" 2>/dev/null
grep -q 'abandoned1 hex' "$WORK/found" || complain "the twin: who has typed it does not know it"
clean memory "$WORK/needles" $(bdk_of anna)
grep -qE '^Max core file size +0 +0 ' "/proc/$PID_load/limits" || complain "the room may dump core"
{ pass bert; printf 'digits 1 to 4 of 32: \t!%s\n/%s\tno\ndigits 1 to 4 of 32: \t!%s\n' $E "$WORK/released" $E; } | joins bert bert load --bag B-$((bag + 1))
until_says 'Its check value' "$S/bert"
grep -qaiE "$A|$E" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null && complain "a component among the arguments"
for pid in $(bdk_of anna) $(bdk_of bert); do
	grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits" || complain "bdk may dump core"
done
stop anna # SIGTERM goes to bdk
: >"$WORK/released"
gone bert && complain "bert goes on alone"
grep -q "anna has left" "$S/bert" || complain "bert was told: $(cat "$S/bert")"
nothing load "the first has left"
# the line of the second goes while it types; then the first waits on, another one comes, and gives another component than is on the paper
next; types anna $A | begins anna anna load 2 --scheme tdes --id FFFF222222 --check-value 000000 --bag B-$bag
is_in anna 1
d=$(digest_in anna)
{ pass bert; printf 'digits 1 to 4 of 32: \t-HANGUP\n'; } | joins bert bert load --bag B-$((bag + 1)) $d
gone bert && complain "a terminal that is gone"
types anna $E | joins anna twice load --bag B-99 $d
gone twice && complain "one person gives two"
grep -q 'each is another person' "$S/twice" || complain "anna was told: $(cat "$S/twice")"
types carl $E | joins carl carl load --bag B-99 ${d:0:8}00000000
gone carl && complain "another digest than the first one's"
types carl $E | joins carl carl load --bag B-99 $d
gone carl && complain "a wrong total"
gone anna && complain "anna has a wrong total"
grep -q 'on the paper stands 000000' "$S/carl" && grep -q 'on the paper stands 000000' "$S/anna" || complain "told: $(cat "$S/carl" "$S/anna")"
nothing load "a wrong total"
# somebody withdraws it; somebody says no
next; types anna $A | begins anna anna load 2 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
by carl load import --withdraw >"$WORK/said" 2>&1 || complain "withdraw: $(cat "$WORK/said")"
gone anna && complain "withdrawn"
grep -q 'carl has withdrawn it: nothing was kept' "$S/anna" || complain "anna was told: $(cat "$S/anna")"
nothing load "withdrawn"
next; { types anna $A; printf 'paper says? (yes or no): \tyes\n'; } | begins anna anna load 2 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
{ types bert $E; printf 'paper says? (yes or no): \tno\n'; } | joins bert bert load --bag B-$((bag + 1))
gone bert && complain "bert says no"
gone anna && complain "one says no"
grep -q 'bert says that it is not' "$S/anna" || complain "anna was told: $(cat "$S/anna")"
nothing load "one says no"
# one who has given is dismissed, and comes back
next; types anna $A | begins anna anna load 3 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
types bert $E | joins bert bert load --bag B-$((bag + 1))
is_in bert 2
both carl anna load dismiss bert
gone bert && complain "dismissed"
gone anna && complain "with one who was dismissed"
grep -q 'bert was dismissed: nothing was kept' "$S/anna" || complain "anna was told: $(cat "$S/anna")"
both anna carl load appoint bert --uid "$(uid_of bert)" --role custodian
by bert load passphrase >/dev/null || complain "passphrase of bert, again"
nothing load "dismissed"
# two that cancel each other
next; types anna $A | begins anna anna load 2 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
types bert $A | joins bert bert load --bag B-$((bag + 1))
gone bert && complain "two of the same"
gone anna
grep -q 'are the same' "$S/bert" || complain "bert was told: $(cat "$S/bert")"
nothing load "two of the same"
# the audit takes no more when the last one is in: neither its record, nor the one of the key set
KX=$(kcv "$(python3 -c 'import sys; print("%032X" % (int(sys.argv[1], 16) ^ int(sys.argv[2], 16)))' $A $E)")
for full in confirm import; do
	next; types anna $A | begins anna anna load 2 --scheme tdes --id FFFF222222 --check-value $KX --bag B-$bag
	is_in anna 1
	sqlite3 "$WORK/load/journal.db" "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.what = '$full' BEGIN SELECT RAISE(ABORT, 'full'); END"
	types bert $E | joins bert bert load --bag B-$((bag + 1))
	gone bert && complain "full: $full"
	gone anna && complain "full: $full"
	grep -q 'journal could not be written' "$S/bert" || complain "bert was told: $(cat "$S/bert")"
	sqlite3 "$WORK/load/journal.db" 'DROP TRIGGER full'
	nothing load "full: $full"
done
for p in $PID_load $(pgrep -P "$PID_load"); do clean memory "$WORK/needles" $p; done
# bdkd is killed when all but one are in
next; types anna $A | begins anna anna load 3 --scheme tdes --id FFFF222222 --bag B-$bag
is_in anna 1
types bert $E | joins bert bert load --bag B-$((bag + 1))
is_in bert 2
kill -9 $PID_load
gone anna && complain "killed"
gone bert && complain "killed"
stop load
serve load || exit 1
nothing load "killed"

# --- Three enter the key in the load room, who know its check value; the same three in the acquirer room, who are asked ---------------------
types anna $C1 | begins anna anna load 3 --scheme tdes --id FFFF111111 --check-value "$KCV" --bag M-1
is_in anna 1
d=$(digest_in anna)
# bert's hand slips: in the form, and then in a digit
{
	pass bert
	printf 'digits 1 to 4 of 32: \t!%s\n' "${C2:0:4} ${C2:4:4}"
	printf 'digits 9 to 12 of 32: \t!%s\n' "${C2:8:3}Z"
	printf 'digits 9 to 12 of 32: \t-\n'
	printf 'digits 5 to 8 of 32: \t!%s\n' "${C2:4:27}$([ "${C2:31}" = 4 ] && echo 2 || echo 4)"
	printf 'yes or no): \tno\ndigits 1 to 4 of 32: \t!%s\nyes or no): \tyes\n' "$C2"
} | TYPIST_PRELOAD=$WORK/halt.so joins bert bert load --bag M-2 $d
is_in bert 2
types carl $C3 | joins carl wrong load --bag M-2 $d
gone wrong && complain "carl brings bert's bag"
grep -q 'kept by bert' "$S/wrong" || complain "carl was told: $(cat "$S/wrong")"
types carl $C3 | joins carl carl load --bag M-3 $d
pid=$(bdk_of bert)
for i in $(seq 600); do grep -q '^State:	T' "/proc/$pid/status" 2>/dev/null && break; sleep 0.02; done
clean memory "$WORK/needles" $pid # at the end of its main()
kill -CONT $pid
for p in anna bert carl; do
	gone $p && grep -q "imported key set FFFF111111 (tdes), check value $KCV, of 3 components" "$S/$p" || complain "$p: $(cat "$S/$p")"
done
as carl "$BIN/bdk" list --room "$WORK/load" | grep -q "^FFFF111111 .*active.*$KCV" || complain "no key set: $(as carl "$BIN/bdk" list --room "$WORK/load")"
[ "$(objects load)" = 2 ] || complain "not BDK and variant in the token"
types carl $C1 | begins carl again load 2 --scheme tdes --id FFFF111111 --bag B-98
gone again && complain "the same key set once more"
i=0
for p in anna bert carl; do
	i=$((i + 1))
	eval "c=\$C$i"
	{ types $p $c; printf 'paper says? (yes or no): \tyes\n'; } |
		if [ $i = 1 ]; then begins $p $p acquirer 3 --scheme tdes --id FFFF111111 --bag N-1; else joins $p $p acquirer --bag N-$i; fi
	is_in $p $i
done
for p in anna bert carl; do
	gone $p && grep -q "check value is $KCV" "$S/$p" && grep -q "imported key set FFFF111111" "$S/$p" || complain "$p: $(cat "$S/$p")"
done

# --- A KBPK by components: three-key TDES ------------------------------------------------------------------------------------------------
K1=7A3D4C29F25D3DB6467AC4A8E0B33113A16D0EC19D1C4A5E K2=C45E9D7A20B31F86EC517A2FD3468B0D68F70B2C15A4D39E
printf 'kbpk1 %s\nkbpk2 %s\n' $K1 $K2 >>"$WORK/needles"
i=0
for p in anna bert; do
	i=$((i + 1))
	eval "k=\$K$i"
	{ pass $p; printf 'digits 1 to 4 of 48: \t!%s\nyes or no): \tyes\npaper says? (yes or no): \tyes\n' $k; } |
		if [ $i = 1 ]; then begins $p $p load 2 --kbpk partner --algorithm 3TDEA --bag K-1; else joins $p $p load --bag K-2; fi
	is_in $p $i
done
for p in anna bert; do
	gone $p && grep -q "imported KBPK partner (3TDEA), check value" "$S/$p" || complain "$p: $(cat "$S/$p")"
done
as carl "$BIN/bdk" kbpk --room "$WORK/load" list | grep -q '^partner .*3TDEA' || complain "no KBPK: $(as carl "$BIN/bdk" kbpk --room "$WORK/load" list 2>&1)"

# --- What one loads, the other recovers -----------------------------------------------------------------------------------------------
"$BIN/bdk" lease --room "$WORK/ca" --key-set FFFF111111 --scheme tdes --check-value "$KCV" --range 0-99 --for "$WORK/load.crt" >"$WORK/lease"
both anna bert load accept "$WORK/lease"
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || complain "t1"
become otto load session --key-set FFFF111111 --slot 0 TC-1 >"$WORK/otto" 2>&1 &
PID_otto=$! PIDS="$PIDS $!"
until_says '^waiting' "$WORK/otto"
become olga load session --join "$(sed -n 's/^  digest  //p' "$WORK/otto")" >"$WORK/olga" 2>&1 &
PID_olga=$! PIDS="$PIDS $!"
until_says '^the session is open' "$WORK/olga"
inject TC-1 0 FFFF111111 "unix:$WORK/t1.link" >"$WORK/kif" 2>&1 || complain "inject: $(cat "$WORK/kif")"
printf 'pan = 4111111111111111\npin = 1234\namount = 1999\ndata = track two\n' >"$WORK/sale"
"$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 1 <"$WORK/sale" | "$BIN/acquirer" decrypt --room "$WORK/acquirer" >"$WORK/clear" 2>&1
grep -q '^pin = 1234' "$WORK/clear" && grep -q '^mac_verdict = ok' "$WORK/clear" || complain "not recovered: $(cat "$WORK/clear")"
kill $PID_olga 2>/dev/null
wait $PID_otto $PID_olga 2>/dev/null

# --- The audit says who, which bag, and check values; a component is nowhere ---------------------------------------------------------------
as anna "$BIN/bdk" audit --room "$WORK/load" >"$WORK/audit"
for pattern in "bert uid 60053 *mailer *component 2 of 3 of FFFF111111 (tdes), check value $V2, bag M-2" \
	"bert uid 60053 *confirm *component 2 of 3 of FFFF111111, check value $V2, bag M-2" \
	"M-2: .* 2 of 3 of FFFF111111: opened" "bdkd *import *FFFF111111 of 3 components, check value $KCV" \
	"anna uid 60052 *component .*not permitted" "carl uid 60054 *withdraw *FFFF222222" "enter *FFFF222222, 1 of 2 components: wiped" \
	"carl uid 60054 *confirm .*MAC wrong"; do
	grep -q "$pattern" "$WORK/audit" || complain "the audit does not say '$pattern'"
done
for p in $PID_load $PID_acquirer $(pgrep -P "$PID_load,$PID_acquirer"); do clean memory "$WORK/needles" $p; done
mapfile -t files < <(find "$WORK/load" "$WORK/load.mark" "$WORK/acquirer" "$S" -type f; ls "$WORK"/*.log "$WORK"/*.err "$WORK"/*.db* "$WORK/audit" "$WORK/kif")
clean files "$WORK/needles" "${files[@]}"
cp "$WORK/load/journal.db" "$WORK/twin.db" && sqlite3 "$WORK/twin.db" "CREATE TABLE twin AS SELECT '$C2'" || complain sqlite3
"$SCAN" files "$WORK/needles" "$WORK/twin.db" >"$WORK/found" 2>/dev/null
grep -q 'component2 hex' "$WORK/found" || complain "the twin: a component in a journal was not found"
exit $fail
