#!/bin/bash
# A load room knows that its journal is the newest one: what is put back, lost, copied or restored is found at its next start,
# named, and locks loading or voids its leases; where nothing was done, loading goes on, also after a kill.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
LINK=unix:$WORK/t1.link SET=12345678 LOAD=$WORK/load

three_rooms || die "rooms"
"$BIN/bdk" generate --room "$LOAD" --scheme aes128 --id $SET --for "$WORK/acquirer.crt" --out "$WORK/set.krx" >/dev/null 2>&1 &&
	lease $SET aes128 || die "set"
boot t1 TC-1 ca "$LINK" && enrol t1 TC-1 ca "$LINK" >/dev/null 2>&1 || die "t1"

# The mark lies where it is wanted.
"$BIN/bdk" init "$WORK/far" --purpose load --test --mark "$WORK/elsewhere" >/dev/null && serve far && stop far && ls "$WORK"/elsewhere/*.mark >/dev/null ||
	complain "--mark"
"$BIN/bdk" init "$WORK/far2" --purpose ca --test --mark "$WORK/elsewhere" >/dev/null 2>&1 && complain "a ca room with a mark"

# crash: nobody is told, nothing is put in order
crash() {
	kill -9 "$PID_load" $(pgrep -P "$PID_load") 2>/dev/null
	wait "$PID_load" 2>/dev/null
	PIDS=${PIDS/ $PID_load/}
}
# loads ID: the slot is emptied, and loaded again with that id
loads() {
	"$BIN/kif" zeroize --room "$LOAD" --port "$LINK" --serial TC-1 --slot 0 --reason reload --ledger "$WORK/kif.db" >/dev/null 2>&1
	inject TC-1 0 $SET "$LINK" >"$WORK/out" 2>"$WORK/said" || complain "load: $(cat "$WORK/said")"
	grep -q "initial KSN $SET$(printf %08X "$1")00000000 " "$WORK/out" || complain "not id $1: $(cat "$WORK/out")"
}
# locked PATTERN: it is said at start, by bdk info and to kif; nothing is loaded, and everything else is served
locked() {
	grep -qE "loading is locked: .*$1" "$WORK/load.err" || complain "bdkd does not say '$1': $(cat "$WORK/load.err")"
	"$BIN/bdk" info --room "$LOAD" | grep -qE "^loading +locked: .*$1" || complain "bdk info does not say '$1'"
	"$BIN/kif" zeroize --room "$LOAD" --port "$LINK" --serial TC-1 --slot 0 --reason reload --ledger "$WORK/kif.db" >/dev/null 2>&1 ||
		complain "a locked room does not zeroize ($1)"
	inject TC-1 0 $SET "$LINK" >"$WORK/out" 2>"$WORK/said" && complain "loaded, though $1"
	grep -qE "$1" "$WORK/said" || complain "kif does not say '$1': $(cat "$WORK/said")"
}
keep() { rm -rf "$WORK/kept" && mkdir "$WORK/kept" && cp -a "$LOAD" "$LOAD.mark" "$WORK/kept/"; }
put_back() { rm -rf "$LOAD" "$LOAD.mark" && cp -a "$WORK/kept/load" "$WORK/kept/load.mark" "$WORK/"; }

# --- Nothing was done ---------------------------------------------------------------------------------------------------
loads 0
stop load && serve load && loads 1
crash && serve load && loads 65 # 2-64 were claimed, and are skipped
"$BIN/bdk" list --room "$LOAD" --json | grep -q '"skipped": 63' || complain "the gap is not told: $("$BIN/bdk" list --room "$LOAD" --json)"
"$BIN/bdk" audit --room "$LOAD" | grep -q "skip.*$SET 1-64" || complain "the gap is not in the audit"

# --- An older journal; one whose log was deleted; another mark; a copy ----------------------------------------------------
stop load && mkdir "$WORK/old" && cp -a "$LOAD"/journal.db "$WORK/old/" && serve load && loads 66 && stop load
keep
cp "$WORK/old/journal.db" "$LOAD/journal.db" && serve load && locked 'an older journal was put back'
stop load && put_back && serve load && loads 67
crash && keep
rm "$LOAD/journal.db-wal" && rm -f "$LOAD/journal.db-shm" && serve load && locked 'an older journal was put back'
stop load && put_back && rm -r "$LOAD.mark" && serve load && locked 'the mark outside the room is missing'
stop load && put_back && cp -a "$LOAD" "$WORK/copy" && serve load || die "serve"
start copy "bdkd: serving" "$BIN/bdkd" --room "$WORK/copy" || die "copy"
grep -q 'a copy of this room is being served' "$WORK/copy.err" || complain "the copy: $(cat "$WORK/copy.err")"
loads 131 # 68-130 were skipped
stop copy
stop load
start copy "bdkd: serving" "$BIN/bdkd" --room "$WORK/copy" || die "copy"
grep -q 'an older journal was put back' "$WORK/copy.err" || complain "the copy afterwards: $(cat "$WORK/copy.err")"
stop copy

# --- A backup -----------------------------------------------------------------------------------------------------------
serve load && "$BIN/bdk" backup --room "$LOAD" >"$WORK/out" || complain "backup"
grep -q 'the journal up to audit record' "$WORK/out" || complain "backup says: $(cat "$WORK/out")"
cp "$LOAD/backup.db" "$WORK/" && loads 132
"$BIN/bdk" restore "$LOAD" "$WORK/backup.db" >"$WORK/out" 2>&1 && complain "restored while it is served"
stop load
"$BIN/bdk" restore "$LOAD" "$LOAD/journal.db" >"$WORK/out" 2>&1 && complain "a journal passes for a backup"
grep -q 'it is no backup: bdk backup makes them' "$WORK/out" || complain "no backup: $(cat "$WORK/out")"
"$BIN/bdk" restore "$WORK/ca" "$WORK/backup.db" >"$WORK/out" 2>&1 && complain "a ca room is restored"
cp -p "$LOAD/room.conf" "$WORK/conf" && echo 'user = nobody' >>"$LOAD/room.conf"
"$BIN/bdk" restore "$LOAD" "$WORK/backup.db" >"$WORK/out" 2>&1 && complain "restored by another user than the room's"
[ ! -e "$LOAD/journal.db.before" ] || complain "another user has put the journal aside"
cp -p "$WORK/conf" "$LOAD/room.conf"
"$BIN/bdk" restore "$LOAD" "$WORK/backup.db" >"$WORK/out" 2>&1 || complain "restore: $(cat "$WORK/out")"
grep -q 'all its leases are void: raise the epoch' "$WORK/out" || complain "restore says: $(cat "$WORK/out")"
[ -s "$LOAD/journal.db.before" ] || complain "the journal of before is gone"
sum=$(cksum <"$LOAD/journal.db.before")
"$BIN/bdk" restore "$LOAD" "$WORK/backup.db" >"$WORK/out" 2>&1 && complain "a second restore"
grep -q 'move journal.db.before' "$WORK/out" || complain "a second restore says: $(cat "$WORK/out")"
[ "$(cksum <"$LOAD/journal.db.before")" = "$sum" ] || complain "a second restore took the journal of before"
serve load || die "the restored room"
"$BIN/kif" zeroize --room "$LOAD" --port "$LINK" --serial TC-1 --slot 0 --reason reload --ledger "$WORK/kif2.db" >/dev/null 2>&1
# The ledger of before follows the journal of before.
again() {
	"$BIN/kif" inject --room "$LOAD" --port "$LINK" --serial TC-1 --key-set $SET --slot 0 --ledger "$WORK/kif2.db" \
		>"$WORK/out" 2>"$WORK/said"
}
refused() {
	again && complain "a restored room loads ($1)"
	grep -q "the leases of key set $SET are void: bdk lease at an epoch above 1" "$WORK/said" || complain "$1: $(cat "$WORK/said")"
}
refused "at once"
"$BIN/bdk" leases --room "$LOAD" | grep -q ' void ' || complain "bdk leases does not say void"
"$BIN/bdk" lease --room "$WORK/ca" --key-set $SET --scheme aes128 --range 2000-2999 --for "$WORK/load.crt" >"$WORK/l1" || complain "lease"
"$BIN/bdk" accept --room "$LOAD" "$WORK/l1" >"$WORK/out" 2>&1 && complain "a lease of the same epoch is accepted"
stop load && serve load && refused "after another start"
# The documented way on: a newer epoch, a certificate of it, and a lease.
"$BIN/bdk" epoch --room "$WORK/ca" --raise >/dev/null && certify ca load load && lease $SET aes128 3000-3999 || complain "the way on"
again || complain "after the new lease: $(cat "$WORK/said")"
grep -q "initial KSN $SET$(printf %08X 3000)00000000 " "$WORK/out" || complain "after the new lease: $(cat "$WORK/out")"
exit $fail
