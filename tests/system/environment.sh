#!/bin/bash
# What surrounds the programs goes wrong: a full disk, a read-only room, no descriptors, no memory, a wrong clock, databases of a
# newer version. Each ends in one clear line and a status, nothing is lost, and a later try succeeds. STEPS: how many of the
# allocations of each long-running command are made to fail; SEED: which.
set -u
# A disk of our own takes a mount, and that the rights of a name space's root.
if [ -z "${OWN_SPACE:-}" ]; then
	unshare -m true 2>/dev/null && exec env OWN_SPACE=1 unshare -m "$0" "$@"
	exec env OWN_SPACE=1 unshare -Urm "$0" "$@"
fi
# A process that libfaketime was in, and that is ended, leaves files there.
mount -t tmpfs keyroom /dev/shm || exit 1
WORK=$(mktemp -d) fail=0 STEPS=${STEPS:-40} SEED=${SEED:-1}
. tools/rooms.sh
trap 'stop_all; umount -l "$DISK" 2>/dev/null; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
gcc -std=c17 -O2 -fPIC -shared -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror \
	-o "$TEST/malloc-shim.so" tests/shim/malloc.c || exit 1
MALLOC=$B/test/malloc-shim.so FAKETIME_SO=$(dpkg -L libfaketime | grep libfaketime.so.1)

# said STATUS PATTERN COMMAND...: that status, and one line of error that says why. A line that begins with two blanks is progress.
said() {
	local status=$1 pattern=$2 got
	shift 2
	"$@" >"$WORK/out" 2>"$WORK/said" </dev/null
	got=$?
	grep -v 'warning: a test room' "$WORK/said" >"$WORK/line"
	[ $got -eq "$status" ] || complain "$*: status $got, not $status: $(cat "$WORK/line")"
	grep -qiE "$pattern" "$WORK/line" || complain "$*: does not say '$pattern': $(cat "$WORK/line")"
	[ "$(grep -vc '^  ' "$WORK/line")" -eq 1 ] || complain "$*: not one line: $(cat "$WORK/line")"
}
# refused: said, and terminal t1, the load room's journal and the ledger are as before
refused() {
	local before=$(state t1)
	said "$@"
	[ "$before" = "$(state t1)" ] || complain "$*: changed something: $(echo $before) -> $(state t1 | tr '\n' ' ')"
}
works() { "$@" >"$WORK/out" 2>"$WORK/said" </dev/null || complain "$*: does not work afterwards: $(cat "$WORK/said")"; }

# The rooms on a disk of 8 MB
DISK=$WORK/disk
mkdir "$DISK" && mount -t tmpfs -o size=8m,mode=700 keyroom "$DISK" || die "no disk of our own"
for r in ca load acquirer; do
	mkdir "$DISK/$r" && ln -s "$DISK/$r" "$WORK/$r" && room $r $r >/dev/null && serve $r || die "$r"
done
certify ca load load && certify ca acquirer acquirer || die "certify"
generate() { "$BIN/bdk" generate --room "$WORK/load" --for "$WORK/acquirer.crt" "$@"; }
generate --scheme tdes --id FFFF111111 --out "$WORK/a.krx" >/dev/null 2>&1 && lease FFFF111111 tdes || die "generate"
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || die "t1"
boot t2 TC-2 ca "unix:$WORK/t2.link" || die "t2"
P1=unix:$WORK/t1.link
inject TC-1 0 FFFF111111 "$P1" >/dev/null 2>&1 || die "inject"

# --- Full disk --------------------------------------------------------------------------------------------------------
full() { cat /dev/zero >"$DISK/filler" 2>/dev/null; [ "$(stat -f -c %f "$DISK")" = 0 ] || complain "the disk is not full"; }
room_again() { rm "$DISK/filler"; }
# What the write-ahead log of a running bdkd has, it writes again; after a start it has to grow.
for r in ca load acquirer; do stop $r; serve $r || die "$r"; done
full
refused 74 'journal|disk' inject TC-1 1 FFFF111111 "$P1"
refused '74' 'journal|disk' generate --scheme aes128 --id 22222222 --out "$WORK/b.krx"
[ ! -e "$WORK/b.krx" ] || complain "a refused generate left a package"
said 74 'journal|disk' "$BIN/bdk" expect --room "$WORK/ca" TC-2
said 74 'journal|disk' "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/a.krx"
said 74 'space|disk|writ' "$BIN/bdk" init "$DISK/new" --purpose load --test --name N
[ ! -e "$DISK/new" ] || complain "a refused init left a folder"
said 74 'space|disk|full' "$BIN/kif" inject --room "$WORK/load" --port "$P1" --serial TC-1 --key-set FFFF111111 --slot 1 \
	--ledger "$DISK/kif.db"
refused 74 'space|disk' generate --scheme tdes --out "$DISK/c.krx"
"$BIN/bdk" list --room "$WORK/load" >/dev/full 2>"$WORK/said"
[ $? -eq 74 ] && grep -q 'No space' "$WORK/said" || complain "bdk does not notice that its output is lost"
"$BIN/kif" list --ledger "$WORK/kif.db" --json >/dev/full 2>"$WORK/said"
[ $? -eq 74 ] && grep -q 'No space' "$WORK/said" || complain "kif does not notice that its output is lost"
stop load
full # what its write-ahead log gave back, too
said 74 'space|disk|full' timeout 10 "$BIN/bdkd" --room "$WORK/load"
room_again
serve load || die "load after a full disk"
works inject TC-1 1 FFFF111111 "$P1"
works generate --scheme aes128 --id 22222222 --out "$WORK/b.krx"
works "$BIN/bdk" expect --room "$WORK/ca" TC-2
works enrol t2 TC-2 ca "unix:$WORK/t2.link"
works "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/a.krx"
works "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/b.krx"
works "$BIN/bdk" init "$DISK/new" --purpose load --test --name N
# A package exists once: where it goes has to have room before there is one.
mkdir "$WORK/stick" && mount -t tmpfs -o size=8k keyroom "$WORK/stick" || die "no second disk"
head -c 8k /dev/zero >"$WORK/stick/filler"
refused 74 'No space' generate --scheme tdes --id FFFF222222 --out "$WORK/stick/c.krx"
rm "$WORK/stick/filler"
works generate --scheme tdes --id FFFF222222 --out "$WORK/stick/c.krx"
works "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/stick/c.krx"
umount "$WORK/stick"

# --- Read-only --------------------------------------------------------------------------------------------------------
for r in ca load acquirer; do stop $r; done
digest() { find "$DISK/load" "$DISK/acquirer" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum; }
before=$(digest)
mount -o remount,bind,ro "$DISK" || complain "remount"
said 78 'read-only' timeout 10 "$BIN/bdkd" --room "$WORK/load"
said 78 'read-only' timeout 10 "$BIN/bdkd" --room "$WORK/ca"
said 74 'read-only' "$BIN/bdk" init "$DISK/other" --purpose load --test --name N
said 69 'does not answer' "$BIN/bdk" list --room "$WORK/load"
mount -o remount,bind,rw "$DISK" || complain "remount"
[ "$before" = "$(digest)" ] || complain "a read-only room changed"
for r in ca load acquirer; do serve $r || complain "$r does not start on a disk that can be written again"; done
cp "$WORK/kif.db" "$DISK/kif.db" && mkdir "$WORK/ro" && mount --bind "$DISK" "$WORK/ro" && mount -o remount,ro,bind "$WORK/ro"
said 74 'read-?only|readonly' "$BIN/kif" inject --room "$WORK/load" --port "$P1" --serial TC-1 --key-set FFFF111111 --slot 2 \
	--ledger "$WORK/ro/kif.db"
umount "$WORK/ro"
works inject TC-1 2 FFFF111111 "$P1"

# --- Descriptors ------------------------------------------------------------------------------------------------------
# With N descriptors at most. A loader that cannot open the libraries says so itself, with status 127.
few() { local n=$1; shift; prlimit -n$n:$n "$@"; }
# clean STATUSES COMMAND...: one of those statuses (a pattern), and if not 0 one line of error; never ended by a signal
clean() {
	local statuses=$1 got
	shift
	"$@" >"$WORK/out" 2>"$WORK/said" </dev/null
	got=$?
	grep -v 'warning: a test room' "$WORK/said" >"$WORK/line"
	[[ $got =~ ^($statuses)$ ]] || complain "$*: status $got: $(cat "$WORK/line")"
	[ $got -eq 0 ] || [ $got -eq 127 ] || [ "$(grep -vc '^  ' "$WORK/line")" -ge 1 ] || complain "$*: status $got and no word"
	status=$got
}
# up COMMAND...: a bdkd that starts or does not; if it does, it is told to stop
up() {
	: >"$WORK/up"
	"$@" >"$WORK/up" &
	local pid=$!
	while kill -0 $pid 2>/dev/null && ! grep -q serving "$WORK/up"; do sleep 0.01; done
	kill $pid 2>/dev/null
	wait $pid
}
before=$(state t1)
stop load
for n in 3 4 5 8 16 64; do
	clean '74|127' up prlimit -n$n:$n "$BIN/bdkd" --room "$WORK/load"
done
clean 0 up prlimit -n96:96 "$BIN/bdkd" --room "$WORK/load"
serve load || die "load after few descriptors"
for n in 3 4 5 6 7 8 9 10; do
	clean '0|66|69|74|77|78|127' few $n "$BIN/kif" inject --room "$WORK/load" --port "$P1" --serial TC-1 \
		--key-set FFFF111111 --slot 0 --ledger "$WORK/kif.db"
	clean '0|66|69|74|78|127' few $n "$BIN/bdk" list --room "$WORK/load"
	clean '0|65|66|69|74|78|127' few $n "$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/nothing"
	clean '0|65|66|69|74|78|127' few $n "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0
done
[ "$before" = "$(state t1)" ] || complain "few descriptors changed something"
# A bdkd that has as many clients as it takes hangs up on the next, and serves again when there is room.
start crowd full python3 -c '
import socket, sys, time
held = []
for i in range(70):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    held.append(s)
print("full", flush=True); time.sleep(60)' "$DISK/load/station.sock"
said 69 'does not answer|ended the connection' timeout 10 "$BIN/kif" inject --room "$WORK/load" --port "$P1" --serial TC-1 \
	--key-set FFFF111111 --slot 3 --ledger "$WORK/kif.db" --timeout 1
stop crowd
works inject TC-1 3 FFFF111111 "$P1"

# --- Memory -----------------------------------------------------------------------------------------------------------
# sample MOST LEAST: numbers of allocations from 1 to MOST, all of them or LEAST at random
sample() { seq "$1" | { [ "$1" -le "$2" ] && cat || shuf -n "$2" --random-source=<(yes "$SEED"); }; }
# count COMMAND...: how many allocations it makes
count() { LD_PRELOAD=$MALLOC KEYROOM_MALLOC_COUNT=$WORK/count "$@" >"$WORK/out" 2>&1 </dev/null; cat "$WORK/count"; }
# starve STATUSES STEPS MOST COMMAND...: with one allocation failing, and with all from there on
starve() {
	local statuses=$1 steps=$2 most=$3 n all
	shift 3
	for n in $(sample "$most" "$steps"); do
		for all in '' +; do
			clean "$statuses" env LD_PRELOAD="$MALLOC" KEYROOM_MALLOC_FAIL=$n$all "$@"
		done
	done
}
works "$BIN/bdk" list --room "$WORK/load"
starve '0|71' 99 "$(count "$BIN/bdk" list --room "$WORK/load")" "$BIN/bdk" list --room "$WORK/load"
starve '0|71' 99 "$(count "$BIN/bdk" info --json --room "$WORK/load")" "$BIN/bdk" info --json --room "$WORK/load"
starve '0|71|74' $STEPS "$(count "$BIN/kif" list --json --ledger "$WORK/kif.db")" "$BIN/kif" list --json --ledger "$WORK/kif.db"
# Transactions and their recovery: what is sold is sold once, whatever fails.
printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' >"$WORK/sale"
sell() {
	LD_PRELOAD=$1 KEYROOM_MALLOC_FAIL=$2 "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 1 \
		<"$WORK/sale" >>"$WORK/sold"
}
for n in 1 2 3 4 5; do
	sell "$MALLOC" $n 2>"$WORK/said"
	[ $? -le 78 ] || complain "pos without memory: $(cat "$WORK/said")"
done
sell '' '' || complain "pos does not work afterwards"
[ "$(sed -n 's/^ksn = //p' "$WORK/sold" | sort | uniq -d | wc -l)" = 0 ] || complain "a transaction key was used twice"
starve '0|65|69|71|74' 99 "$(count "$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/sold")" \
	"$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/sold"
works "$BIN/acquirer" decrypt --room "$WORK/acquirer" "$WORK/sold"
# Loading, slot after slot of a terminal: at the end every slot has one row, and no id was used twice.
load() { "$BIN/kif" inject --room "$WORK/load" --port "unix:$WORK/t2.link" --serial TC-2 --key-set FFFF111111 --slot "$1" \
	--ledger "$WORK/kif.db"; }
slot=0
for n in $(sample 1500 $STEPS); do
	for all in '' +; do
		clean '0|69|71|74|77' env LD_PRELOAD="$MALLOC" KEYROOM_MALLOC_FAIL=$n$all "$BIN/kif" inject --room "$WORK/load" \
			--port "unix:$WORK/t2.link" --serial TC-2 --key-set FFFF111111 --slot $slot --ledger "$WORK/kif.db"
		[ $status -ne 0 ] || slot=$(((slot + 1) % 4))
	done
done
for slot in 0 1 2 3; do
	load $slot >"$WORK/out" 2>&1 || grep -q 'holds a key already' "$WORK/out" || complain "slot $slot: $(cat "$WORK/out")"
done
"$BIN/kif" list --ledger "$WORK/kif.db" --json | python3 -c '
import json, sys
loads = [l for l in json.load(sys.stdin) if l["serial"] == "TC-2"]
assert sorted(l["slot"] for l in loads if l["state"] == "loaded") == [0, 1, 2, 3], loads
assert len({l["initial_ksn"] for l in loads}) == len(loads) == 4, loads' || complain "loading without memory left the ledger wrong"
"$BIN/kif" list --ledger "$WORK/kif.db" --json >"$WORK/ledger" && cp "$WORK/kif.db" "$WORK/again.db" &&
	"$BIN/kif" rebuild --room "$WORK/load" --ledger "$WORK/again.db" >/dev/null &&
	"$BIN/kif" list --ledger "$WORK/again.db" --json | cmp - "$WORK/ledger" || complain "the ledger is not the journal's"
# A room that is served without memory starts or says why not, and is whole afterwards.
before=$(state t1)
stop load
for n in $(sample 14000 $((STEPS / 2))); do
	for all in '' +; do
		clean '0|69|70|74|78' up env LD_PRELOAD="$MALLOC" KEYROOM_MALLOC_FAIL=$n$all "$BIN/bdkd" --room "$WORK/load"
	done
done
serve load || die "load after no memory"
[ "$before" = "$(state t1)" ] || complain "starting without memory changed something"
# Broken twin: a program that does not look at what it is given is caught.
printf '#include <stdlib.h>\nint main(void) { char *volatile p = malloc(9); *p = 1; return 0; }\n' >"$WORK/twin.c"
gcc -o "$WORK/twin" "$WORK/twin.c" || complain "twin"
(complain() { :; }; clean '0|71' env LD_PRELOAD="$MALLOC" KEYROOM_MALLOC_FAIL=1 "$WORK/twin"; exit $status) 2>/dev/null
[ $? -gt 128 ] || complain "the broken twin (memory that is not checked) was not caught"

# --- A start that is cut off ------------------------------------------------------------------------------------------
# SoftHSM rewrites its token at every login: killed in the middle of it, bdkd finds the token whole the next time. Each cut but the
# last is followed by a start that is cut as well.
stop load
for i in $(seq $((STEPS < 400 ? STEPS : 400))); do
	"$BIN/bdkd" --room "$WORK/load" >"$WORK/out" 2>&1 &
	pid=$!
	sleep "0.0$(printf %02d $(((i * 7 + SEED) % 40)))"
	kill -9 $pid
	wait $pid 2>/dev/null
done
object=$(ls "$WORK"/load/token/*/token.object)
clean 0 up "$BIN/bdkd" --room "$WORK/load"
: >"$object"
clean 0 up "$BIN/bdkd" --room "$WORK/load"
[ -s "$object" ] || complain "the token's object was not put back"
# Broken twin: without what was kept, the token would be lost.
mv "$WORK/load/token/token.object" "$WORK/kept" && cp "$object" "$WORK/object" && : >"$object"
said 69 token timeout 10 "$BIN/bdkd" --room "$WORK/load"
cp "$WORK/object" "$object" && mv "$WORK/kept" "$WORK/load/token/token.object"
serve load || die "load after cut starts"
[ "$before" = "$(state t1)" ] || complain "cut starts changed something"

# --- Clock ------------------------------------------------------------------------------------------------------------
boot t3 TC-3 ca "unix:$WORK/t3.link" && enrol t3 TC-3 ca "unix:$WORK/t3.link" >/dev/null 2>&1 || die "t3"
P3=unix:$WORK/t3.link
at() {
	stop load
	start load "bdkd: serving" env LD_PRELOAD="$FAKETIME_SO" FAKETIME="$1" "$BIN/bdkd" --room "$WORK/load" || die "$1"
}
for time in -3650d -2d +60d +3650d; do
	at $time
	refused 77 'dates|expired|past its end' inject TC-3 0 FFFF111111 "$P3"
done
# A clock that was set back does not revive a list whose end has passed; a new one does.
at +0
refused 77 'past its end when the clock was later' inject TC-3 0 FFFF111111 "$P3"
carry_list ca load || complain "a new list"
# An hour to and fro is nothing: what was issued stays issued, and ids go on.
at +1h
works inject TC-3 0 FFFF111111 "$P3"
at -1h
refused 77 'holds a key' inject TC-3 0 FFFF111111 "$P3"
stop load; serve load || die "load"
works inject TC-3 1 FFFF111111 "$P3"
# The station's own clock means nothing.
works env LD_PRELOAD="$FAKETIME_SO" FAKETIME=-3650d "$BIN/kif" inject --room "$WORK/load" --port "$P3" --serial TC-3 \
	--key-set FFFF111111 --slot 2 --ledger "$WORK/kif.db"
[ "$(sqlite3 "$WORK/load/journal.db" 'SELECT count(*) - count(DISTINCT id) FROM load')" = 0 ] || complain "an id twice"

# --- Databases and rooms of a newer version ---------------------------------------------------------------------------
stop load
cp "$WORK/load/journal.db" "$WORK/journal.db" && sqlite3 "$WORK/load/journal.db" "UPDATE meta SET value = 9 WHERE name = 'version'"
before=$(sqlite3 "$WORK/load/journal.db" .dump | sha256sum)
said 78 'newer version' timeout 10 "$BIN/bdkd" --room "$WORK/load"
[ "$before" = "$(sqlite3 "$WORK/load/journal.db" .dump | sha256sum)" ] || complain "a newer journal changed"
cat "$WORK/journal.db" >"$WORK/load/journal.db"
serve load || die "load"
version=$(sqlite3 "$WORK/kif.db" 'PRAGMA user_version')
sqlite3 "$WORK/kif.db" 'PRAGMA user_version = 9'
before=$(sha256sum <"$WORK/kif.db")
newer() { said 78 'newer' "$BIN/kif" "$@" --ledger "$WORK/kif.db"; }
newer list
newer show TC-1
newer rebuild --room "$WORK/load"
newer inject --room "$WORK/load" --port "$P3" --serial TC-3 --key-set FFFF111111 --slot 3
[ "$before" = "$(sha256sum <"$WORK/kif.db")" ] || complain "a newer ledger changed"
sqlite3 "$WORK/kif.db" "PRAGMA user_version = $version"
works inject TC-3 3 FFFF111111 "$P3"
exit $fail
