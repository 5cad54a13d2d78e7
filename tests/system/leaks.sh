#!/bin/bash
# Keys, PINs and PANs where they may not be: in PKCS#11 calls, in the memory of the programs, in logs, databases and error texts.
# The test owns the ca room, so it can sit in the middle of the hand-over and knows every key; each property has a twin, something
# that does hold the secret and has to be found. ROUNDS: terminals whose loading is stopped and looked at; SEED: at which instants.
set -u
# Looking into a process that cannot be dumped takes the rights of its user namespace's root.
[ "$(id -u)" -eq 0 ] || exec unshare -Ur "$0" "$@"
WORK=$(mktemp -d) fail=0 ROUNDS=${ROUNDS:-6} SEED=${SEED:-1}
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*" >&2; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }

# --- Tools ------------------------------------------------------------------------------------------------------------
mkdir -p "$TEST/leaks"
cc='gcc -std=c17 -O2 -I. -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror'
libs() { for l in "$@"; do echo "$B/lib/lib$l.a"; done; }
$cc -o "$TEST/leaks/scan" tests/leaks/scan.c $(libs base) || exit 1
$cc -o "$TEST/leaks/halt.so" -shared -fPIC tests/leaks/halt.c || exit 1
# Bound at once, as the terminal is: looking up a symbol in the middle of a sale would save vector registers to the stack.
$cc -o "$TEST/leaks/halt_commit.so" -shared -fPIC -Wl,-z,now tests/leaks/halt_commit.c || exit 1
$cc $(pkg-config --cflags libp11 p11-kit-1) -o "$TEST/leaks/keys" tests/leaks/keys.c \
	$(libs tests-lib bdk bdk-client dukpt protocol crypto crypto-openssl base-host base) \
	$TEST_EXT || exit 1
SCAN=$TEST/leaks/scan KEYS=$TEST/leaks/keys HALT=$B/test/leaks/halt.so COMMIT=$B/test/leaks/halt_commit.so

# clean TITLE SCAN-ARGUMENTS: nothing is found. holds TITLE PATTERN SCAN-ARGUMENTS: something that fits is, and it is no mistake.
clean() {
	local title=$1
	shift
	"$SCAN" "$@" >"$WORK/found" 2>"$WORK/said" || complain "$title: $(sort "$WORK/found" | uniq -c | head; cat "$WORK/said")"
}
holds() {
	local title=$1 pattern=$2
	shift 2
	"$SCAN" "$@" >"$WORK/found" 2>"$WORK/said"
	[ $? -eq 1 ] && grep -qE "$pattern" "$WORK/found" || complain "$title: not found: $(cat "$WORK/said")"
}

# --- Rooms whose tokens are spied on ----------------------------------------------------------------------------------
# A room takes a module for SoftHSM by its name.
ln -s "$(dpkg -L opensc-pkcs11 | grep -m 1 '/pkcs11-spy\.so$')" "$WORK/softhsm-spy.so"
# Its log lies outside the room, where bdkd writes only with leave.
spied() {
	sed -i "s,module-path=.*,module-path=${WORK// /%20}/softhsm-spy.so," "$WORK/$1/room.conf" &&
	echo "module-folder = $WORK" >>"$WORK/$1/room.conf"
}
serve_spied() { PKCS11SPY=/usr/lib/softhsm/libsofthsm2.so PKCS11SPY_OUTPUT="$WORK/$1.spy" serve "$1"; }
for r in ca load acquirer; do
	room $r $r >/dev/null && spied $r && serve_spied $r || die "$r"
done
certify ca load load && certify ca acquirer acquirer || die "certify"
# The test as a party in the middle: certified as an acquirer and as a KIF.
middle() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$1.pem" &&
	openssl ec -in "$WORK/$1.pem" -outform DER 2>/dev/null | tail -c +8 | head -c 32 >"$WORK/$1.key" &&
	openssl req -new -key "$WORK/$1.pem" -subj "/CN=$1" -out "$WORK/$1.csr" &&
	"$BIN/bdk" certify --room "$WORK/ca" --role "$2" "$WORK/$1.csr" >"$WORK/$1.crt"
}
middle Middle-A acquirer && middle Middle-K load || die "middle"
for s in 'tdes FFFF111111 tdes' 'aes128 22222222 aes'; do
	set -- $s
	"$BIN/bdk" generate --room "$WORK/load" --scheme $1 --id $2 --for "$WORK/Middle-A.crt" --out "$WORK/$3.krx" >/dev/null 2>&1 &&
	lease $2 $1 &&
	"$KEYS" open "$WORK/Middle-A.key" "$WORK/Middle-K.key" "$WORK/Middle-K.crt" "$WORK/ca.anchors" "$WORK/acquirer.crt" \
		"$WORK/$3.krx" "$WORK/$3.again" >"$WORK/$3.keys" &&
	"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/$3.again" >/dev/null || die "$1"
done
# The KSNs are foretold: ids count up from 0. Initial keys of the first 8 devices of each set:
for i in 0 1 2 3 4 5 6 7; do
	"$KEYS" of "$WORK/tdes.keys" tdes "$(printf 'FFFF111111%010X' $((i << 21)))" 0 | grep ^ik
	"$KEYS" of "$WORK/aes.keys" aes128 "$(printf '22222222%08X00000000' $i)" 0 | grep ^ik
done >"$WORK/ik.keys"
cat "$WORK"/*.keys >"$WORK/needles"
[ "$(grep -c ^ik "$WORK/needles")" = 16 ] && [ "$(grep -c ^bdk "$WORK/needles")" = 2 ] || die "keys"
# A terminal that stops in its next commit once the file WORK/NAME.halt is there
halting() { HALT_COMMIT="$WORK/$1.halt" LD_PRELOAD=$COMMIT boot "$@"; }
halting t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || die "t1"
halting t2 TC-2 ca "unix:$WORK/t2.link" && enrol t2 TC-2 ca "unix:$WORK/t2.link" >/dev/null 2>&1 || die "t2"
ceremony=$(stat -c %s "$WORK/load.spy")
inject TC-1 0 FFFF111111 "unix:$WORK/t1.link" >>"$WORK/kif.said" 2>&1 || die "inject t1"
inject TC-2 0 22222222 "unix:$WORK/t2.link" >>"$WORK/kif.said" 2>&1 || die "inject t2"
# A worker that dies is replaced, and the next one probes: that belongs to what comes after the ceremony.
kill -9 $(pgrep -P "$PID_load" -f -- --worker)
inject TC-1 1 22222222 "unix:$WORK/t1.link" >>"$WORK/kif.said" 2>&1 || die "inject after the worker's death"

# --- The main job, with a PIN and a PAN that nothing else resembles ---------------------------------------------------
PIN=907856341278 PAN=5413330089604111
printf 'pan = %s\npin = %s\namount = 1999\ndata = %s\n' $PAN $PIN "track two equivalent" >"$WORK/sale"
for t in t1 t2; do
	"$BIN/pos" --till "unix:$WORK/$t.till" --slot 0 --count 4 <"$WORK/sale" >"$WORK/$t.sold" 2>>"$WORK/pos.said" || die "pos $t"
	"$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/$t.sold" >"$WORK/$t.clear" 2>>"$WORK/acquirer.said" || die "acquirer $t"
	[ "$(grep -cx "pin = $PIN" "$WORK/$t.clear")" = 4 ] || complain "the PINs of $t were not recovered"
done
# Refusals say what is wrong, never what was typed.
sed "s/^pin = .*/pin = ${PIN}34/" "$WORK/sale" | "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 >>"$WORK/pos.said" 2>&1
sed "s/^pan = .*/pan = ${PAN}x/" "$WORK/sale" | "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 >>"$WORK/pos.said" 2>&1
"$BIN/pos" --till "unix:$WORK/t1.till" --slot 3 <"$WORK/sale" >>"$WORK/pos.said" 2>&1
for change in "s/^pan = .*/pan = ${PAN%?}x/" 's/^pin_block = ../pin_block = 00/' 's/^mac = ../mac = 00/' \
	's/^ksn = ..../ksn = 0000/' 's/^mac_data = .*/mac_data = x/'; do
	sed "$change" "$WORK/t1.sold" | "$BIN/acquirer" decrypt --room "$WORK/acquirer" >"$WORK/out" 2>>"$WORK/acquirer.said" &&
		complain "acquirer takes $change"
	grep -E 'reason' "$WORK/out" >>"$WORK/acquirer.said"
done

# --- PKCS#11: no clear key crosses it ---------------------------------------------------------------------------------
spy() { python3 tests/leaks/spy.py "$@" >"$WORK/found" 2>"$WORK/said"; }
head -c "$ceremony" "$WORK/load.spy" >"$WORK/ceremony.spy"
tail -c +$((ceremony + 1)) "$WORK/load.spy" >"$WORK/loading.spy"
spy "$WORK/ca.spy" "$WORK/needles" 0 || complain "the ca room: $(cat "$WORK/found")"
spy "$WORK/ceremony.spy" "$WORK/needles" 1 || complain "the ceremony: $(cat "$WORK/found")"
spy "$WORK/loading.spy" "$WORK/needles" 0 || complain "loading: $(cat "$WORK/found")"
# At the acquirer initial keys cross, by design; BDKs never.
spy "$WORK/acquirer.spy" "$WORK/needles" acquirer || complain "the acquirer room: $(cat "$WORK/found")"
grep -c C_WrapKey "$WORK/loading.spy" | grep -qE '^([89]|[1-9][0-9])' || complain "the log of loading is too short"
# Twins: an acquirer room reads initial keys; an assembly where none belongs; a decryption; an initial key in a dump.
twin() {
	local title=$1 pattern=$2
	shift 2
	spy "$@"
	[ $? -eq 1 ] && grep -q "$pattern" "$WORK/found" || complain "the twin was not caught: $title"
}
twin "an initial key is read" "a value was read" "$WORK/acquirer.spy" "$WORK/needles" 0
twin "… from a template that is not sensitive" "not sensitive" "$WORK/acquirer.spy" "$WORK/needles" 0
twin "… and is in the log" "ik in a dump" "$WORK/acquirer.spy" "$WORK/needles" 0
# In the acquirer room's log: a BDK is read in an initial key's place; the value of nobody's key; a BDK that may leave again.
dumped() { sed -n "s/^$1 //p" "$2" | head -n 1 | cut -c 1-16 | sed 's/../& /g'; }
ik=$(dumped ik "$WORK/ik.keys")
grep -q "^    00000000  $ik" "$WORK/acquirer.spy" || complain "the acquirer room's log has no initial key to put another in its place"
sed "s/$ik/$(dumped bdk "$WORK/tdes.keys")/" "$WORK/acquirer.spy" >"$WORK/twin.spy"
twin "a BDK is read in an acquirer room" "bdk in a dump" "$WORK/twin.spy" "$WORK/needles" acquirer
sed "s/$ik/$(printf '5A %.0s' 1 2 3 4 5 6 7 8)/" "$WORK/acquirer.spy" >"$WORK/twin.spy"
twin "another key is read in an acquirer room" "a value was read" "$WORK/twin.spy" "$WORK/needles" acquirer
sed 's/CKA_EXTRACTABLE       False/CKA_EXTRACTABLE       True/' "$WORK/acquirer.spy" >"$WORK/twin.spy"
twin "a BDK is unwrapped for whoever wants it" "a BDK that may leave" "$WORK/twin.spy" "$WORK/needles" acquirer
twin "a BDK is assembled in an acquirer room" "a secret was created" "$WORK/ceremony.spy" "$WORK/needles" acquirer
twin "a BDK assembled outside a ceremony" "a secret was created" "$WORK/ceremony.spy" "$WORK/needles" 0
twin "… is in the log" "bdk in a dump" "$WORK/ceremony.spy" "$WORK/needles" 0
{ cat "$WORK/loading.spy"; printf '\n9999: C_Decrypt\n2026-01-01\nReturned:  0 CKR_OK\n'; } >"$WORK/twin.spy"
twin "a decryption" "C_Decrypt: is not for" "$WORK/twin.spy" "$WORK/needles" 0

# --- Memory of the terminal -------------------------------------------------------------------------------------------
# Idle: no initial key, no key of an earlier transaction but those that the last one's response is waited for with, and no next
# one: the registers stay in the non-volatile memory. The next one is in RAM while a sale is committed, and found there.
halted() {
	local i
	for i in $(seq 400); do
		grep -q '^State:	T' "/proc/$1/status" 2>/dev/null && return
		sleep 0.02
	done
	return 1
}
"$KEYS" of "$WORK/tdes.keys" tdes FFFF1111110000000000 4 >"$WORK/t1.all"
"$KEYS" of "$WORK/aes.keys" aes128 222222220000000000000000 4 >"$WORK/t2.all"
"$KEYS" of "$WORK/tdes.keys" tdes FFFF1111110000000000 5 >"$WORK/t1.after"
"$KEYS" of "$WORK/aes.keys" aes128 222222220000000000000000 5 >"$WORK/t2.after"
printf 'pin "%s\npin %s\npan "%s\npan %s\n' $PIN $PIN $PAN $PAN >"$WORK/typed"
# idle TERMINAL PID KEYS
idle() {
	grep -E '^(ik|past|reply)' "$3" >"$WORK/$1.spent"
	grep '^next' "$3" >"$WORK/$1.next"
	grep '^reply' "$3" >"$WORK/$1.reply"
	[ "$(wc -l <"$WORK/$1.reply")" = 2 ] && [ "$(wc -l <"$WORK/$1.next")" = 1 ] || complain "keys of $1"
	grep -vE '^reply' "$3" | cat - "$WORK/needles" "$WORK/typed" >"$WORK/$1.never"
	clean "memory of terminal $1" memory "$WORK/$1.never" "$2"
	holds "the twin: the response keys of $1 in its memory" 'reply bytes' memory "$WORK/$1.reply" "$2"
	[ "$(grep -c 'reply bytes' "$WORK/found")" = 2 ] || complain "not each response key of $1 once: $(cat "$WORK/found")"
	cat "$WORK/$1.spent" "$WORK/needles" "$WORK/typed" >"$WORK/$1.never"
	clean "non-volatile memory of terminal $1" files "$WORK/$1.never" "$WORK/$1.nv"
	holds "the twin: the next key of $1 in its non-volatile memory" next files "$WORK/$1.next" "$WORK/$1.nv"
}
for t in t1 t2; do
	eval "pid=\$PID_$t"
	# A signal must not put on the stack what a sale left in the registers.
	kill -USR2 $pid
	sleep 0.1
	idle $t $pid "$WORK/$t.all"
	: >"$WORK/$t.halt"
	"$BIN/pos" --till "unix:$WORK/$t.till" --slot 0 --count 1 <"$WORK/sale" >"$WORK/$t.sold5" 2>>"$WORK/pos.said" &
	pos=$!
	if halted $pid; then
		# With the next sale the response keys of the one before are gone as well.
		cat "$WORK/$t.spent" "$WORK/needles" >"$WORK/$t.never"
		clean "memory of terminal $t in a commit" memory "$WORK/$t.never" $pid
		grep '^next' "$WORK/$t.after" >"$WORK/$t.next"
		holds "the twin: the next key of $t in memory in a commit" 'next bytes' memory "$WORK/$t.next" $pid
		kill -CONT $pid
	else
		complain "terminal $t did not stop in its commit"
	fi
	wait $pos || complain "the sale of $t that was stopped: status $?"
	idle $t $pid "$WORK/$t.after"
done
# A sale with another slot's key leaves none of the first one's.
"$BIN/pos" --till "unix:$WORK/t1.till" --slot 1 --count 1 <"$WORK/sale" >"$WORK/t1.sold1" 2>>"$WORK/pos.said" || complain "slot 1 of t1"
cat "$WORK/t1.spent" "$WORK/t1.next" "$WORK/needles" "$WORK/typed" >"$WORK/t1.never"
clean "memory of terminal t1 after a sale with slot 1" memory "$WORK/t1.never" $PID_t1

# --- Memory of the rooms when nothing is going on ---------------------------------------------------------------------
# Without the spy, whose buffers are not the room's.
for r in ca load acquirer; do
	stop $r
	sed -i "s,module-path=.*,module-path=/usr/lib/softhsm/libsofthsm2.so," "$WORK/$r/room.conf"
	serve $r || die "$r without the spy"
	printf 'token-pin "%s\n' "$(cat "$WORK/$r/pin")" >"$WORK/$r.pin"
done
grep -vE '^ik' "$WORK/needles" >"$WORK/bdks"

# busy TITLE NEEDLES COMMAND...: at random instants of its life
stops=0
busy() {
	local title=$1 needles=$2
	shift 2
	SEED=$((SEED + 1))
	clean "$title" busy "$needles" $SEED "$@"
	count_stops
}
# beside TITLE NEEDLES PID COMMAND...: another process, at random instants while the command runs
beside() {
	local title=$1 needles=$2 pid=$3
	shift 3
	SEED=$((SEED + 1))
	clean "$title" beside "$needles" $SEED "$pid" "$@"
	count_stops
}
count_stops() {
	grep -vE '^scan:' "$WORK/said" >>"$WORK/kif.said"
	stops=$((stops + $(sed -n 's/^scan: stopped \([0-9]*\) times.*/\1/p' "$WORK/said")))
}
key_sets=(FFFF111111 22222222 22222222 FFFF111111)
for round in $(seq $ROUNDS); do
	boot r TC-R$round ca "unix:$WORK/r.link" && enrol r TC-R$round ca "unix:$WORK/r.link" >/dev/null 2>&1 || die "terminal $round"
	# Two ids of each key set a round, after the first two.
	for i in 0 1 2 3; do
		"$KEYS" of "$WORK/tdes.keys" tdes "$(printf 'FFFF111111%010X' $((2 * round - 2 + i << 21)))" 0
		"$KEYS" of "$WORK/aes.keys" aes128 "$(printf '22222222%08X00000000' $((2 * round - 2 + i)))" 0
	done | grep ^ik >"$WORK/round"
	cat "$WORK/needles" "$WORK/round" >"$WORK/busy"
	# No token's PIN either in what asks bdkd.
	cat "$WORK/busy" "$WORK"/*.pin >"$WORK/asking"
	for slot in 0 1 2 3; do
		set -- "$BIN/kif" inject --room "$WORK/load" --port "unix:$WORK/r.link" --serial TC-R$round \
			--key-set ${key_sets[$slot]} --slot $slot --ledger "$WORK/kif.db"
		if [ $slot = $((round % 2)) ]; then # a TDES key, an AES key
			beside "the load room's supervisor while it loads" "$WORK/busy" $PID_load "$@"
		else
			busy "kif while it loads" "$WORK/asking" "$@"
		fi
	done
	busy "pos while it sells" "$WORK/asking" sh -c \
		"exec '$BIN/pos' --till 'unix:$WORK/r.till' --slot 0 --count 20 <'$WORK/sale' >'$WORK/r.sold'"
	# Initial keys are in it, by design, and no BDK ever is.
	beside "the acquirer room's supervisor while it decrypts" "$WORK/bdks" $PID_acquirer sh -c \
		"exec '$BIN/acquirer' decrypt --room '$WORK/acquirer' '$WORK/r.sold' >'$WORK/r.clear'"
	busy "acquirer while it decrypts" "$WORK/asking" sh -c \
		"exec '$BIN/acquirer' decrypt --room '$WORK/acquirer' '$WORK/r.sold' >'$WORK/r.clear'"
	sed -n 3p "$WORK/round" >"$WORK/new"
	holds "the twin: initial keys in the acquirer room, by design" 'ik bytes' memory "$WORK/new" $PID_acquirer
	holds "the twin: … also found beside a program" 'ik bytes' beside "$WORK/new" $SEED $PID_acquirer sh -c \
		"exec '$BIN/acquirer' decrypt --room '$WORK/acquirer' '$WORK/r.sold' >'$WORK/r.clear'"
	stop r
	rm "$WORK/r.nv"
done
busy "bdk while it fetches a package" "$WORK/asking" "$BIN/bdk" package --room "$WORK/load" FFFF111111 --out "$WORK/package.krx"
busy "bdk while it imports a package" "$WORK/asking" sh -c "'$BIN/bdk' import --room '$WORK/acquirer' '$WORK/tdes.again' || :"
busy "bdk while it hands over" "$WORK/asking" "$BIN/bdk" handover --room "$WORK/load" --out "$WORK/handover.txt"
holds "the twin: a program that holds a BDK for a moment" 'bdk hex' busy "$WORK/asking" $SEED \
	python3 -c 'import sys, time; keys = open(sys.argv[1]).read(); time.sleep(0.5)' "$WORK/needles"
[ $stops -ge $((20 * ROUNDS)) ] || complain "only $stops instants"
echo "stopped and looked at $stops instants"

supervisor=$PID_load worker=$(pgrep -P "$PID_load" -f -- --worker)
[ "$(echo $worker | wc -w)" = 2 ] || complain "the load room does not have its two workers"
clean "the idle load room" memory "$WORK/busy" $supervisor $(pgrep -P "$PID_load")
clean "the idle acquirer room" memory "$WORK/bdks" $PID_acquirer $(pgrep -P "$PID_acquirer")
clean "the idle ca room" memory "$WORK/busy" $PID_ca $(pgrep -P "$PID_ca")
# A supervisor holds the PIN on the page that it locked for it, and nowhere else.
for r in load ca acquirer; do
	eval "p=\$PID_$r"
	parser=$(pgrep -P "$p" -f -- --parser) && clean "the PIN of the room $r in its parser" memory "$WORK/$r.pin" $parser ||
		complain "the room $r has no parser"
	holds "the PIN of the room $r on its page" 'nameless memory of 4096 bytes' memory "$WORK/$r.pin" $p
	[ "$(wc -l <"$WORK/found")" = 1 ] || complain "the PIN of the room $r in its supervisor: $(cat "$WORK/found")"
done
# libp11 keeps the PIN of a login: it is in the workers, as doc/THREATS.md says, and nowhere else.
"$SCAN" memory "$WORK/load.pin" $worker >"$WORK/found" && echo "the worker holds no PIN any more: doc/THREATS.md may say so"
sed 's/^process [0-9]* /the worker holds, in its /' "$WORK/found"

# --- What is left at the end of a program -----------------------------------------------------------------------------
# ended TITLE COMMAND...: runs it up to the end of main(), looks for keys, PIN and PAN, reads its core limit, lets it go
ended() {
	local title=$1 pid
	shift
	LD_PRELOAD=$HALT "$@" <&3 &
	pid=$!
	halted $pid
	clean "$title at its end" memory "$WORK/left" $pid
	grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits" || complain "$title may dump core"
	kill -CONT $pid
	wait $pid || complain "$title: status $?"
}
printf 'pin "%s\npin %s\npan "%s\npan %s\n' $PIN $PIN $PAN $PAN | cat - "$WORK/needles" >"$WORK/left"
ended pos "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 2 3<"$WORK/sale" >"$WORK/t1.sold"
ended acquirer "$BIN/acquirer" decrypt --room "$WORK/acquirer" - 3<"$WORK/t1.sold" >"$WORK/t1.clear"
grep -qx "pin = $PIN" "$WORK/t1.clear" || complain "the acquirer had no PIN to forget"
: >"$WORK/twin.log"
python3 -c 'import sys, time; pin = open(sys.argv[1]).read(); print("READY", flush=True); time.sleep(60)' \
	"$WORK/sale" >"$WORK/twin.log" &
twin=$!
PIDS="$PIDS $twin"
until grep -q READY "$WORK/twin.log"; do sleep 0.02; done
holds "the twin: a program that holds a PIN" 'pin text' memory "$WORK/left" $twin
for p in $PID_ca $PID_load $PID_acquirer $PID_t1 $PID_t2 $(pgrep -P "$PID_ca,$PID_load,$PID_acquirer"); do
	grep -qE '^Max core file size +0 +0 ' "/proc/$p/limits" || complain "process $p may dump core"
done
(ulimit -Sc unlimited 2>/dev/null; grep -qE '^Max core file size +0 +0 ' /proc/self/limits) && [ "$(ulimit -Hc)" != 0 ] &&
	complain "the twin (a process that may dump core) was not caught"

# --- Files ------------------------------------------------------------------------------------------------------------
cat "$WORK/left" "$WORK/busy" "$WORK/t1.spent" "$WORK/t2.spent" "$WORK/t1.next" "$WORK/t2.next" "$WORK"/*.pin >"$WORK/all"
mapfile -t files < <(
	find "$WORK/ca" "$WORK/load" "$WORK/acquirer" -type f ! -path '*/token/*' ! -name pin
	ls "$WORK"/*.log "$WORK"/*.err "$WORK"/*.said "$WORK"/*.display "$WORK"/kif.db* "$WORK"/*.crt "$WORK"/*.krx
)
printf '%s\n' "${files[@]}" | grep -q 'load/journal.db-wal$' || complain "no journal.db-wal to look at"
clean "files" files "$WORK/all" "${files[@]}"
holds "the twin: a PAN in a file" 'pan text' files "$WORK/all" "$WORK/t1.sold"
holds "the twin: the PIN of a token in its file" 'token-pin text' files "$WORK/all" "$WORK/load/pin"
cp "$WORK/load/journal.db" "$WORK/twin.db"
sqlite3 "$WORK/twin.db" "CREATE TABLE twin AS SELECT '$(sed -n 's/^ik //p' "$WORK/ik.keys" | head -n 1)'" || complain sqlite3
holds "the twin: an initial key in a journal" 'ik hex' files "$WORK/all" "$WORK/twin.db"
exit $fail
