#!/bin/bash
# A full disk: an act happens with its record in the audit, or it does not happen; nothing is lost, and when there is space again
# the room goes on. Two rooms on file systems of 1 MiB each, in a namespace of this test's own.
set -u
if [ -z "${ALONE:-}" ]; then
	for way in "unshare -r -m" "unshare -m"; do
		$way mount -t tmpfs none /mnt 2>/dev/null && ALONE=1 exec $way bash "$0"
	done
	echo "NOT RUN: no small file system can be mounted here, neither by root nor in a user namespace"
	exit 1
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; umount "$WORK/ca" "$WORK/load" 2>/dev/null; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
bdk() { "$BIN/bdk" "$@"; }

mkdir "$WORK/ca" "$WORK/load"
mount -t tmpfs -o size=1m none "$WORK/ca" && mount -t tmpfs -o size=1m none "$WORK/load" || die "mount"
three_rooms || die "rooms"
for r in ca load; do bdk audit key --room "$WORK/$r" >"$WORK/$r.pem"; done
bdk generate --room "$WORK/load" --scheme tdes --id FFFF000001 --for "$WORK/acquirer.crt" --out "$WORK/1.krx" >/dev/null 2>&1 || die "generate"

fill() { cat /dev/zero >"$WORK/$1/fill" 2>/dev/null; [ "$(df --output=avail "$WORK/$1" | tail -n 1)" -eq 0 ] || die "$1 is not full"; }
# acts ROOM WHAT: records of it in the audit that were done
acts() { bdk audit export --room "$WORK/$1" | grep -c "\"what\":\"$2\",.*\"reason\":\"\""; }
# whole ROOM: the audit is, and the room says so itself when it starts again
whole() {
	bdk audit export --room "$WORK/$1" >"$WORK/export" && bdk audit head --all --room "$WORK/$1" >"$WORK/heads" &&
		bdk audit verify "$WORK/export" --key "$WORK/$1.pem" --head "$WORK/heads" >"$WORK/out" 2>&1 || complain "$1: $(cat "$WORK/out")"
	eval "pid=\$PID_$1"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	PIDS=${PIDS/ $pid/}
	serve "$1" || die "$1 does not start again"
}

# --- The ca room: as many serials are expected as records say so ----------------------------------------------------------
expected() { bdk devices --room "$WORK/ca" --json | grep -c '"expected"'; }
done_=0 refused=0
for i in $(seq 1 400); do
	[ $i != 4 ] || fill ca
	if bdk expect --room "$WORK/ca" "TC-$i" >/dev/null 2>"$WORK/out"; then
		done_=$((done_ + 1))
	else
		refused=$((refused + 1))
		grep -q 'journal' "$WORK/out" || complain "a refusal does not tell: $(cat "$WORK/out")"
		[ $refused -lt 3 ] || break
	fi
done
[ $done_ -ge 3 ] && [ $refused = 3 ] || complain "done $done_, refused $refused"
[ "$(expected)" = $done_ ] || complain "$done_ were done, $(expected) serials are expected"
[ "$(acts ca expect)" = $done_ ] || complain "$done_ were done, the audit has $(acts ca expect)"
for act in "revoke TC-1 --reason lost" "epoch --raise" "certify --role load $WORK/load.csr" crl; do
	set -- $act
	bdk $1 --room "$WORK/ca" "${@:2}" >/dev/null 2>&1 && complain "$act is done on a full disk"
done
[ "$(bdk epoch --room "$WORK/ca" | grep -c 'epoch 2')" = 0 ] || complain "the epoch was raised"
rm "$WORK/ca/fill"
[ "$(expected)" = $done_ ] && [ "$(acts ca expect)" = $done_ ] || complain "with space again it is another room"
for act in revoke raise certify crl; do
	n=$(acts ca $act)
	case $act in certify) was=2 ;; crl) was=2 ;; *) was=0 ;; esac
	[ "$n" = $was ] || complain "$act stands in the audit $n times, not $was"
done
bdk expect --room "$WORK/ca" "TC-1000" >/dev/null || complain "with space again nothing is done"
whole ca

# --- The load room: no key set, and no key of one in the token ------------------------------------------------------------
sets() { bdk list --room "$WORK/load" --json | grep -c '"key_set"'; }
generate() { bdk generate --room "$WORK/load" --scheme tdes --id "$1" --for "$WORK/acquirer.crt" --out "$WORK/$1.krx" >/dev/null 2>&1; }
fill load
made=1
for i in 2 3 4 5 6 7 8 9; do
	generate "FFFF00000$i" && made=$((made + 1)) || break
done
[ $i -lt 9 ] || complain "no key set was refused"
[ -f "$WORK/FFFF00000$i.krx" ] && complain "what was refused left a package"
[ "$(sets)" = $made ] || complain "$made key sets were made, the room lists $(sets)"
bdk suspend --room "$WORK/load" FFFF000001 >/dev/null 2>&1
state=$(bdk list --room "$WORK/load" --json | grep -c suspended)
rm "$WORK/load/fill"
[ "$(acts load generate)" = $made ] || complain "$made were made, the audit has $(acts load generate)"
[ "$(acts load state)" = "$state" ] || complain "$state suspended, the audit has $(acts load state)"
generate "FFFF00000$i" || complain "the key set that was refused is left in the token"
# And where the token has space, and the journal none: the key goes out of the token again.
sql() { sqlite3 "$WORK/load/journal.db" "$1"; }
sql "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.what = 'generate' BEGIN SELECT RAISE(ABORT, 'full'); END"
generate FFFF0000AA && complain "a key set is made that cannot be written down"
sql "DROP TRIGGER full"
[ "$(sql "SELECT count(*) FROM key_set WHERE id = 'FFFF0000AA'")" = 0 ] || complain "a key set without its record"
generate FFFF0000AA || complain "the key that could not be written down is left in the token"
# A certificate that cannot be written down is not in force; once it is, its number stands in the audit, whatever comes then.
bdk certify --room "$WORK/ca" --role load "$WORK/load.csr" >"$WORK/new.crt" || complain "certify"
number=$(openssl x509 -in "$WORK/new.crt" -noout -serial | sed 's/.*=//')
was=$(sha256sum <"$WORK/load/certs/own.der")
install() { bdk install --room "$WORK/load" --anchors "$WORK/ca.anchors" "$WORK/new.crt" >/dev/null 2>"$WORK/out"; }
for what in installing install; do
	sql "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.what = '$what' BEGIN SELECT RAISE(ABORT, 'full'); END"
	install && complain "a certificate is installed without its record ($what)"
	sql "DROP TRIGGER full"
	[ "$(sha256sum <"$WORK/load/certs/own.der")" = "$was" ] && kept=yes || kept=no
	[ "$(sql "SELECT count(*) FROM audit WHERE what = 'installing' AND object LIKE '%$number'")" = 0 ] && told=no || told=yes
	[ $kept != $told ] || complain "$what: the certificate of before is kept: $kept; the audit tells of the new one: $told"
done
install || complain "with space again it is not installed: $(cat "$WORK/out")"
bdk audit --room "$WORK/load" | grep -q "install  *load, epoch 1, $number" || complain "the audit does not say what was installed"
whole load
exit $fail
