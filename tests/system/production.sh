#!/bin/bash
# A production KIF: three rooms with custodians of their own, who unlock them from their logins; one terminal is loaded and what
# it sells recovered; then they are locked, refused, and change hands. PINs and passphrases are looked for everywhere. Several
# users need root, here or in a user namespace.
set -u
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; exit 1; }
OWNER=60010
uid_of() {
	case $1 in anna) echo 60031 ;; bert) echo 60032 ;; carl) echo 60033 ;; dora) echo 60034 ;; sara) echo 60035 ;;
	otto) echo 60036 ;; olga) echo 60037 ;; station) echo 60041 ;; acquirer) echo 60042 ;; other) echo 60043 ;; esac
}
phrase_of() { echo "the passphrase of $1, no. $(uid_of "$1")"; }
as() { local u; u=$(uid_of "$1"); shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/people/typed.py tests/components/typist.py "$WORK" && mkdir -m 755 "$WORK/rooms" &&
	mkdir -m 1777 "$WORK/files" && chown $OWNER "$WORK/rooms" || exit 1
BIN=$WORK/bin R=$WORK/rooms F=$WORK/files

# A production room locks its memory: by its limit, or else by the one capability that this takes.
OWN="setpriv --reuid=$OWNER --regid=$OWNER --clear-groups"
ulimit -l unlimited 2>/dev/null || OWN="$OWN --inh-caps +ipc_lock --ambient-caps +ipc_lock"
own() { $OWN "$@"; }
own /usr/bin/python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mlockall(3) or not bytearray(200 << 20))' 2>/dev/null || {
	echo "200 MB of memory cannot be locked here: raise the limit (ulimit -l), or run this as root"
	exit 77
}
mkdir -p "$TEST/leaks"
SCAN=$TEST/leaks/scan-production
gcc -std=c17 -O2 -I. -D_GNU_SOURCE -o "$SCAN" tests/leaks/scan.c "$B/lib/libbase.a" || exit 1

# --- People at terminals of their own ---------------------------------------------------------------------------------
# typing NAME COMMAND...: the passphrase is typed as often as it is asked for
typing() {
	local who=$1
	shift
	as "$who" /usr/bin/python3 "$WORK/typed.py" "$@" < <(for i in 1 2 3; do phrase_of "$who"; done)
}
# said PATTERN: in what the last command said
said() { grep -q -- "$1" "$WORK/said" || complain "not said '$1': $(cat "$WORK/said")"; cat "$WORK/said" >>"$WORK/all.said"; }
# refuses STATUS PATTERN COMMAND...: it ends so, and says so
refuses() {
	local status=$1 pattern=$2
	shift 2
	"$@" >"$WORK/said" 2>&1
	local was=$?
	[ $was -eq "$status" ] || complain "status $was, not $status: $*: $(cat "$WORK/said")"
	said "$pattern"
}
unlock() { typing "$2" "$BIN/bdk" unlock --room "$R/$1"; }
lists() { as anna "$BIN/bdk" list --room "$R/$1"; }
# two FIRST SECOND ROOM COMMAND...: the first asks, the second is shown the same digest and agrees; output to $WORK/out
two() {
	local first=$1 second=$2 room=$3
	shift 3
	rm -f "$WORK/asked"
	typing "$first" "$BIN/bdk" "$@" --room "$R/$room" >"$WORK/out" 2>"$WORK/asked" &
	local pid=$!
	until_says '^waiting' "$WORK/asked"
	typing "$second" "$BIN/bdk" approve --room "$R/$room" "$(digest_in "$WORK/asked")" >"$WORK/said" 2>&1 || {
		complain "$second does not agree to $*: $(cat "$WORK/said")"
		kill $pid
	}
	wait $pid || { complain "$*: $(cat "$WORK/asked")"; return 1; }
}
until_says() { timeout 60 sh -c 'until grep -q -- "$1" "$2" 2>/dev/null; do sleep 0.02; done' - "$1" "$2" || complain "never said '$1': $(cat "$2")"; }
digest_in() { sed -n 's/^  digest  //p' "$1"; }

# --- Birth ------------------------------------------------------------------------------------------------------------
# born NAME CUSTODIANS OTHERS [OPTION...]: custodians type their passphrases one after the other; others may ask it too
born() {
	local room=$1 names=$2 others=$3 list= n people=
	shift 3
	for n in $names; do list=$list${list:+,}$n=$(uid_of "$n"); done
	for n in $others; do people="$people $(uid_of "$n")"; done
	own /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" init "$R/$room" --purpose "$room" --name "$room" --custodians "$list" \
		--threshold 2 "$@" < <(for n in $names; do phrase_of "$n"; phrase_of "$n"; done) >"$WORK/said" 2>&1 || return
	sed -i "s/^people-user = .*/&$people/" "$R/$room/room.conf" && echo "user = $OWNER" >>"$R/$room/room.conf"
}
serving() { start "$1" "bdkd: serving" $OWN "$BIN/bdkd" --room "$R/$1"; } # no function: its process would be the one that is stopped
refuses 77 'accept-software-token' own "$BIN/bdk" init "$R/x" --purpose ca --custodians anna=60031,bert=60032 --threshold 2
refuses 77 'not as root' "$BIN/bdk" init "$R/x" --purpose ca --custodians anna=60031,bert=60032 --threshold 2 --accept-software-token
for bad in 'anna=60031,bert=60032 --threshold 1' 'anna=60031,bert=60032 --threshold 3' 'anna=60031 --threshold 2' \
	'anna=60031,bert=60031 --threshold 2' 'anna=60031,anna=60032 --threshold 2' "anna=60031,bert=$OWNER --threshold 2" \
	'anna=60031,bert=0 --threshold 2' 'anna=60031,bert=60032,carl=60033 --threshold 3 --so-threshold 2'; do
	refuses 64 'custodian' own "$BIN/bdk" init "$R/x" --purpose ca --accept-software-token --custodians $bad
done
[ ! -e "$R/x" ] || complain "something is left of what was refused"
born ca 'anna bert' sara --accept-software-token || die "ca: $(cat "$WORK/said")"
born load 'anna bert carl' 'dora otto olga' --accept-software-token && echo "station-user = $(uid_of station)" >>"$R/load/room.conf" ||
	die "load: $(cat "$WORK/said")"
born acquirer 'anna bert' '' --accept-software-token && echo "acquirer-user = $(uid_of acquirer)" >>"$R/acquirer/room.conf" ||
	die "acquirer: $(cat "$WORK/said")"
[ "$(find "$R" -path '*/shares/*' -type f ! -perm 600)" ] && complain "shares are open to others"
find "$R" -name pin -type f | grep -q . && complain "a PIN lies in a file"

# --- Locked, and unlocked by two ------------------------------------------------------------------------------------------
for r in ca load acquirer; do
	serving $r || die "bdkd $r"
	grep -q 'locked: its custodians' "$WORK/$r.log" || complain "$r does not say that it is locked"
done
refuses 75 'bdk unlock' lists load
as anna "$BIN/bdk" info --room "$R/load" >"$WORK/said" || complain "info of a locked room"
said 'software, accepted'
said '^state *locked'
pgrep -P "$PID_load" -f -- --worker >/dev/null && complain "a locked room has workers"
refuses 77 'no custodian' typing otto "$BIN/bdk" unlock --room "$R/load"
refuses 0 '1 of 2; the room is still locked' unlock load anna
refuses 77 'given his share already' unlock load anna
refuses 75 'bdk unlock' lists load
wrong() { as bert /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" unlock --room "$R/load" < <(echo "$1"); }
refuses 77 'passphrase is wrong, or this custodian' wrong "$(phrase_of anna)"
refuses 77 'passphrase is wrong, or this custodian' wrong 'x'
refuses 0 'has given' as anna "$BIN/bdk" custodians --room "$R/load"
# An altered share, somebody else's, another room's, another set's, and one under another name: as if they were not there.
cp -rp "$R/load/shares" "$WORK/shares"
spoilt() { # HOW COMMAND...
	local how=$1
	shift
	"$@"
	refuses 77 '.' unlock load bert
	grep -q 'unlocked' "$WORK/said" && complain "unlocked with $how"
	rm -rf "$R/load/shares" && cp -rp "$WORK/shares" "$R/load/shares"
}
P=$R/load/shares/pin-1-2
flip() { printf '\0' | dd of="$P" bs=1 seek="$1" conv=notrunc status=none; }
spoilt "a box altered" flip $(($(stat -c %s "$P") - 30))
spoilt "a threshold altered" sh -c "printf '\\001' | dd of='$P' bs=1 seek=11 conv=notrunc status=none"
spoilt "the share of the ca room" cp "$R/ca/shares/pin-1-2" "$P"
spoilt "a share of the SO PIN" cp "$R/load/shares/so-1-2" "$P"
spoilt "anna's share as bert's" cp "$R/load/shares/pin-1-1" "$P"
spoilt "a share cut off" truncate -s 60 "$P"
refuses 77 'locked already' as otto "$BIN/bdk" lock --room "$R/load" # what is given is custodians' to wipe
refuses 77 'given his share already' unlock load anna
# When all that is given is wiped the first one has to come again.
as anna "$BIN/bdk" lock --room "$R/load" >/dev/null || complain lock
# Unlocking that cannot be written down, before the act's own record and in it, leaves it locked.
meddle() {
	own /usr/bin/python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None).execute(sys.argv[2])' \
		"$R/load/journal.db" "$1" || complain "the journal: $1"
}
full() { meddle "CREATE TRIGGER full BEFORE INSERT ON audit WHEN $1 BEGIN SELECT RAISE(ABORT, 'full'); END"; }
workers() { pgrep -P "$PID_load" -f -- --worker >/dev/null; }
for when in "NEW.what = 'unlocked'" "NEW.what = 'unlock' AND NEW.object LIKE '%2 of 2'"; do
	full "$when"
	refuses 0 '1 of 2; the room is still locked' unlock load anna
	refuses 74 'journal' unlock load bert
	as anna "$BIN/bdk" info --room "$R/load" >"$WORK/said" || complain "info"
	said '^state *locked'
	workers && complain "workers without a record of who unlocked: $when"
	meddle 'DROP TRIGGER full'
done
refuses 0 '1 of 2; the room is still locked' unlock load bert
refuses 0 '2 of 2; the room is unlocked' unlock load carl
refuses 77 'unlocked already' unlock load anna
for r in ca acquirer; do
	unlock $r anna >/dev/null 2>&1 && unlock $r bert >"$WORK/said" 2>&1 || complain "$r: $(cat "$WORK/said")"
	said 'the room is unlocked'
done

# --- The main job -------------------------------------------------------------------------------------------------------
as anna "$BIN/bdk" anchors --room "$R/ca" >"$F/anchors" || die anchors
for r in load acquirer; do
	typing anna "$BIN/bdk" request --room "$R/$r" >"$F/$r.csr" 2>>"$WORK/all.said" || die "request $r"
	two anna bert ca certify --role $r "$F/$r.csr" && cp "$WORK/out" "$F/$r.crt" || die "certify $r"
	two bert anna $r install --anchors "$F/anchors" "$F/$r.crt" || die "install $r"
done
typing anna "$BIN/bdk" crl --room "$R/ca" >"$F/crl" 2>>"$WORK/all.said" || die crl
for r in load acquirer; do
	typing bert "$BIN/bdk" install --room "$R/$r" --crl "$F/crl" >"$WORK/said" 2>&1 || die "list: $(cat "$WORK/said")"
done
# A key that everybody knows, of two custodians' components: it is not for a production room. The same in one bit is.
# enters BDK ID CHECK-VALUE BAG: carl begins, anna joins; what they see in $F/carl and $F/anna
enters() {
	local one=5D79A1F4298C3BE64C0EF2FD1A76D093 pid two
	two=$(/usr/bin/python3 -c 'import sys; print("%032X" % (int(sys.argv[1], 16) ^ int(sys.argv[2], 16)))' "$1" $one)
	sits() { # NAME COMPONENT OPTION...
		local who=$1 part=$2
		shift 2
		rm -f "$F/$who"
		as "$who" /usr/bin/python3 "$WORK/typist.py" "$F/$who" "$BIN/bdk" import --room "$R/load" "$@" < <(
			printf 'Passphrase of %s: \t!%s\n' "$who" "$(phrase_of "$who")"
			printf 'Your component, digits 1 to 4 of 32: \t!%s\nyes or no): \tyes\n' "$part")
	}
	sits carl $one --components 2 --scheme tdes --id "$2" --check-value "$3" --bag "$4-1" &
	pid=$!
	until_says 'component 1 of' "$F/carl"
	sits anna "$two" --join --bag "$4-2"
	wait $pid
}
enters 0123456789ABCDEFFEDCBA9876543210 FFFF000009 08D7B4 P && complain "a production room takes a published test key"
grep -q 'it is printed as a test key' "$F/carl" && grep -q 'it is printed as a test key' "$F/anna" || complain "carl and anna were told: $(cat "$F/carl" "$F/anna")"
lists load | grep -q FFFF000009 && complain "a published test key is listed"
enters 0123456789ABCDEFFEDCBA9876543220 FFFF000009 "$(printf '\0\0\0\0\0\0\0\0' |
	openssl enc -des-ede -provider legacy -provider default -nopad -K 0123456789ABCDEFFEDCBA9876543220 2>/dev/null | xxd -p -u | cut -c1-6)" Q ||
	complain "the twin, another key, is not taken: $(cat "$F/carl" "$F/anna")"
two anna carl load generate --scheme tdes --id FFFF987654 --for "$F/acquirer.crt" --out "$F/tdes.krx" || die generate
chmod 644 "$F"/*.krx
two anna bert acquirer import "$F/tdes.krx" || die import
two anna bert ca lease --key-set FFFF987654 --scheme tdes --count 100 --for "$F/load.crt" && cp "$WORK/out" "$F/lease" || die lease
two carl anna load accept "$F/lease" || die accept
# appoint ROOM NAME ROLE
appoint() {
	two anna bert "$1" appoint "$2" --uid "$(uid_of "$2")" --role "$3" &&
	typing "$2" "$BIN/bdk" passphrase --room "$R/$1" >"$WORK/said" 2>&1 || die "appoint $2: $(cat "$WORK/said")"
}
appoint ca sara supervisor
appoint load otto operator
# A first passphrase is typed into a process without core that nobody attaches to: it is one before anything is typed.
two anna bert load appoint olga --uid "$(uid_of olga)" --role operator || die "appoint olga"
(TYPED_AFTER=$F/olga.go typing olga "$BIN/bdk" passphrase --room "$R/load" >"$WORK/first" 2>&1; echo "status $?" >>"$WORK/first") &
timeout 60 sh -c 'until p=$(pgrep -u "$1" -x bdk) && grep -q "^NoNewPrivs:.*1" "/proc/$p/status"; do sleep 0.02; done' - \
	"$(uid_of olga)" || complain "a first passphrase is typed into a process without guard"
touch "$F/olga.go"
until_says '^status 0' "$WORK/first"
root=$(as anna "$BIN/bdk" info --room "$R/ca" --json | sed -n 's/.*"root": *"\([0-9A-F]*\)".*/\1/p')

start t1 READY "$BIN/terminal" --nv "$WORK/t1.nv" --link "unix:$F/t1.link" --till "unix:$WORK/t1.till" --serial TC-1 --root "$root" \
	--display "$F/t1.display" || die terminal
chmod 666 "$F/t1.link"
typing sara "$BIN/bdk" expect --room "$R/ca" TC-1 >"$WORK/said" 2>&1 || die "expect: $(cat "$WORK/said")"
mkfifo -m 644 "$F/digits"
(until_says ^SPKI "$F/t1.display"; read_spki() { sed -n 's/^SPKI //p' "$F/t1.display" | tail -n 1; }; read_spki >"$F/digits") &
typing sara "$BIN/bdk" enrol --room "$R/ca" --port "unix:$F/t1.link" --serial TC-1 --digest-file "$F/digits" >"$WORK/said" 2>&1 ||
	die "enrol: $(cat "$WORK/said")"
as station "$BIN/kif" inject --room "$R/load" --port "unix:$F/t1.link" --serial TC-1 --key-set FFFF987654 --slot 0 \
	--ledger "$F/kif.db" >"$WORK/said" 2>&1 && complain "a station loads without operators"
typing otto "$BIN/bdk" session --room "$R/load" --key-set FFFF987654 --slot 0 TC-1 >"$WORK/otto" 2>&1 &
PIDS="$PIDS $!"
until_says '^waiting' "$WORK/otto"
typing olga "$BIN/bdk" session --room "$R/load" --join "$(digest_in "$WORK/otto")" >"$WORK/olga" 2>&1 &
PIDS="$PIDS $!"
until_says '^the session is open' "$WORK/olga"
as station "$BIN/kif" inject --room "$R/load" --port "unix:$F/t1.link" --serial TC-1 --key-set FFFF987654 --slot 0 \
	--ledger "$F/kif.db" >"$WORK/said" 2>&1 || die "inject: $(cat "$WORK/said")"
as station "$BIN/kif" list --ledger "$F/kif.db" >"$WORK/said" 2>&1 || complain "kif list"
said 'on a software token, which its room.conf accepts'
as station "$BIN/kif" show TC-1 --ledger "$F/kif.db" >"$WORK/said" 2>&1 || complain "kif show"
said 'on a software token, which its room.conf accepts'
printf 'pan = 4111111111111111\npin = 1234\namount = 1999\ndata = track two\n' |
	"$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 2 >"$F/sold" 2>"$WORK/said" || die "pos: $(cat "$WORK/said")"
# Keys are recovered, MACs verified; no PIN and no data in the clear.
as acquirer "$BIN/acquirer" decrypt --room "$R/acquirer" "$F/sold" >"$WORK/clear" 2>>"$WORK/all.said"
grep -qE '^(pin|data_clear) = ' "$WORK/clear" && complain "a production room gives out: $(cat "$WORK/clear")"
sed '/^\(pin\|pan\|data\)/d' "$F/sold" | as acquirer "$BIN/acquirer" decrypt --room "$R/acquirer" >"$WORK/clear" 2>>"$WORK/all.said"
[ "$(grep -c 'mac_verdict = ok' "$WORK/clear")" = 2 ] || complain "recovered: $(cat "$WORK/clear")"

# --- Locked in the middle of it -----------------------------------------------------------------------------------------
pin() { # ROOM GENERATION NAME=NUMBER...: the token's PIN
	local r=$1 g=$2 args=() a
	shift 2
	for a; do args+=("$R/$r/shares/pin-$g-${a#*=}=$(phrase_of "${a%=*}")"); done
	/usr/bin/python3 tests/production/pin.py "${args[@]}"
}
pin load 1 anna=1 bert=2 >"$WORK/load.pin" && pin load 1 bert=2 carl=3 | cmp - "$WORK/load.pin" || complain "the shares do not make one PIN"
"$SCAN" memory "$WORK/load.pin" "$PID_load" >"$WORK/found" 2>&1
[ $? -eq 1 ] && [ "$(grep -c 'pin-text text' "$WORK/found")" = 1 ] || complain "the twin: an unlocked room's PIN, on its page and nowhere else: $(cat "$WORK/found")"
refuses 0 'the room is locked' as otto "$BIN/bdk" lock --room "$R/load"
until_says 'ended\|gone\|no longer\|does not answer' "$WORK/olga"
pgrep -P "$PID_load" -f -- --worker >/dev/null && complain "workers outlive the lock"
for who in anna bert carl; do printf 'phrase-%s "%s\n' $who "$(phrase_of $who)"; done | cat - "$WORK/load.pin" >"$WORK/needles"
"$SCAN" memory "$WORK/needles" "$PID_load" >"$WORK/found" 2>&1 || complain "in a locked room: $(cat "$WORK/found")"
refuses 75 'bdk unlock' as station "$BIN/kif" inject --room "$R/load" --port "unix:$F/t1.link" --serial TC-1 --key-set FFFF987654 \
	--slot 1 --ledger "$F/kif.db"
"$SCAN" memory "$WORK/load.pin" "$PID_load" >"$WORK/found" 2>&1 || complain "a PIN in a locked room: $(cat "$WORK/found")"
# Its token takes another PIN, and a worker dies: the next one is refused, and none of the others goes on.
unlock load anna >/dev/null 2>&1; unlock load bert >"$WORK/said" 2>&1
said 'is unlocked'
token() { find "$R/load/token" -mindepth 2 -name token.object; }
cp -p "$(token)" "$WORK/token.object"
pin=$(sed -n 's/^pin-text "*//p' "$WORK/load.pin")
own env SOFTHSM2_CONF="$R/load/token/softhsm2.conf" pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin "$pin" \
	--change-pin --new-pin 12345678 >"$WORK/said" 2>&1 || complain "another PIN: $(tail -n 1 "$WORK/said")"
cp "$(token)" "$R/load/token/token.object"
one=$(pgrep -P "$PID_load" -f -o -- --worker)
[ "${one:-0}" -gt 0 ] && kill -9 "$one" || complain "no worker"
timeout 60 sh -c 'while pgrep -P "$1" -f -- --worker >/dev/null; do sleep 0.02; done' - "$PID_load" || complain "workers go on with a PIN that is refused"
as anna "$BIN/bdk" audit --room "$R/load" >"$WORK/said" 2>&1
said 'bdkd *locked.*takes the PIN no longer'
cp -p "$WORK/token.object" "$(token)" && cp "$WORK/token.object" "$R/load/token/token.object"
# Killed, it is locked again.
unlock load anna >/dev/null 2>&1; unlock load bert >"$WORK/said" 2>&1
said 'is unlocked'
kill -9 "$PID_load"; wait "$PID_load" 2>/dev/null
serving load || die "bdkd after a kill"
refuses 75 'bdk unlock' lists load

# --- Custodians change ----------------------------------------------------------------------------------------------------
# carl is gone: anna and bert go on with dora, while the room is locked.
next=anna=$(uid_of anna),bert=$(uid_of bert),dora=$(uid_of dora)
refuses 77 "no custodian" as otto "$BIN/bdk" custodians --room "$R/load" --change "$next" --threshold 2
refuses 65 'custodians' as anna "$BIN/bdk" custodians --room "$R/load" --change "$next" --threshold 1
refuses 77 'no change of custodians' typing anna "$BIN/bdk" entrust --room "$R/load"
refuses 0 'bdk entrust' as anna "$BIN/bdk" custodians --room "$R/load" --change "$next" --threshold 2
refuses 77 'neither' typing otto "$BIN/bdk" entrust --room "$R/load"
# Nobody else puts another change in its place, and nobody at all once somebody takes part in it.
other=anna=$(uid_of anna),carl=$(uid_of carl)
change() { as "$1" "$BIN/bdk" custodians --room "$R/load" --change "$2" --threshold 2; }
refuses 73 "uid $(uid_of anna) has begun" change carl "$other"
refuses 77 'has begun no change' as carl "$BIN/bdk" custodians --room "$R/load" --withdraw
refuses 0 "dora, uid $(uid_of dora)" typing dora "$BIN/bdk" entrust --room "$R/load"
said '2 of them would unlock the room, 2 change'
said waiting
digest=$(digest_in "$WORK/said")
refuses 73 'has begun' change anna "$other"
# While bert is still asked, what he was shown is withdrawn and another change begun: his share is not taken.
(TYPED_AFTER=$F/go typing bert "$BIN/bdk" entrust --room "$R/load" >"$WORK/swapped" 2>&1; echo "status $?" >>"$WORK/swapped") &
swapped=$!
until_says 'digest  ' "$WORK/swapped"
[ "$(digest_in "$WORK/swapped")" = "$digest" ] || complain "two digests of one change"
refuses 0 withdrawn as anna "$BIN/bdk" custodians --room "$R/load" --withdraw
refuses 0 'bdk entrust' change anna "$other,bert=$(uid_of bert)"
touch "$F/go"
wait $swapped
cp "$WORK/swapped" "$WORK/said"
said 'another change of custodians'
said '^status 77'
refuses 0 '1 of 2 custodians have given, 1 of 3' typing carl "$BIN/bdk" entrust --room "$R/load" # bert's is not there
refuses 0 withdrawn as anna "$BIN/bdk" custodians --room "$R/load" --withdraw
refuses 0 'bdk entrust' change anna "$next"
refuses 0 'waiting' typing dora "$BIN/bdk" entrust --room "$R/load"
refuses 0 '1 of 2 custodians have given, 2 of 3' typing anna "$BIN/bdk" entrust --room "$R/load"
# Without its record it is not begun; and where its shares cannot all be written none of them stay.
again() {
	refuses 0 'bdk entrust' change anna "$next"
	refuses 0 'waiting' typing dora "$BIN/bdk" entrust --room "$R/load"
	refuses 0 '1 of 2 custodians have given, 2 of 3' typing anna "$BIN/bdk" entrust --room "$R/load"
}
full "NEW.what = 'entrusting'"
refuses 74 'journal' typing bert "$BIN/bdk" entrust --room "$R/load"
meddle 'DROP TRIGGER full'
mkdir "$R/load/shares/so-2-3"
again
refuses 74 '.' typing bert "$BIN/bdk" entrust --room "$R/load"
rmdir "$R/load/shares/so-2-3"
ls "$R/load/shares" | grep -q -- '-2-' && complain "shares are left of a change that did not come about: $(ls "$R/load/shares")"
again
cp -rp "$R/load" "$R/cut" # what is there if it is cut off now
refuses 0 '2 of 2 custodians have given, 3 of 3.*changed' typing bert "$BIN/bdk" entrust --room "$R/load"
ls "$R/load/shares" | grep -q -- '-1-' && complain "old shares are left"
refuses 77 'no custodian' unlock load carl
refuses 0 '1 of 2' unlock load dora
refuses 0 'is unlocked' unlock load anna
as anna "$BIN/bdk" people --room "$R/load" >"$WORK/said" || complain people
said '^dora .*custodian'
grep -q '^carl' "$WORK/said" && complain "carl is still there"
lists load >"$WORK/said" || complain "the key sets are not listed"
said '^FFFF987654'
said 'on a software token, which its room.conf accepts'
pin load 2 anna=1 dora=3 >"$WORK/new.pin" || complain "the new PIN"
cmp -s "$WORK/load.pin" "$WORK/new.pin" && complain "the PIN is the old one"
two anna dora load generate --scheme aes128 --id 12345678 --for "$F/acquirer.crt" --out "$F/aes.krx" || complain "generate with dora"
# Cut off after the new shares, before the token: both generations are there, and the token takes the old PIN.
cp -p "$R/load/shares"/*-2-* "$R/cut/shares/"
chown -R $OWNER "$R/cut"
stop load
mv "$R/load" "$R/done" && mv "$R/cut" "$R/load"
serving load || die "the room that was cut off"
unlock load anna >/dev/null 2>&1; unlock load bert >"$WORK/said" 2>&1
said 'is unlocked'
said 'was cut off'
ls "$R/load/shares" | grep -q -- '-2-' && complain "shares of the change that was cut off are left"
# The old shares stay until the change is written down: what cannot be leaves both, and the new ones open it.
again
full "NEW.what = 'entrust' AND NEW.object LIKE '%3 of 3%'"
refuses 74 'journal' typing bert "$BIN/bdk" entrust --room "$R/load"
meddle 'DROP TRIGGER full'
ls "$R/load/shares" | grep -q -- 'so-1-' && ls "$R/load/shares" | grep -q -- 'so-2-' || complain "not both: $(ls "$R/load/shares")"
as anna "$BIN/bdk" lock --room "$R/load" >/dev/null || complain lock
unlock load dora >/dev/null 2>&1; unlock load anna >"$WORK/said" 2>&1
said 'is unlocked'
# Shares that the token takes no longer: nothing is left of a change by them.
mkdir "$WORK/newer" && mv "$R/load/shares"/*-2-* "$WORK/newer/"
refuses 0 'bdk entrust' change anna "$next"
refuses 0 waiting typing dora "$BIN/bdk" entrust --room "$R/load"
refuses 0 waiting typing anna "$BIN/bdk" entrust --room "$R/load"
refuses 69 'not tried again' typing bert "$BIN/bdk" entrust --room "$R/load"
ls "$R/load/shares" | grep -q -- '-2-' && complain "shares are left of a change that the token refused"
mv "$WORK/newer"/* "$R/load/shares/"
stop load

# --- A dead token -------------------------------------------------------------------------------------------------------
# What is gone with it no passphrase brings back; a copy of the room's folder, of before, does, with those of that day.
cp -rp "$R/load" "$WORK/copy"
rm -rf "$(dirname "$(token)")" "$R/load/token/token.object"
serving load || die "bdkd without its token"
unlock load dora >/dev/null 2>&1
refuses 69 'token' unlock load anna
refuses 75 'bdk unlock' lists load
stop load
rm -rf "$R/load" && cp -rp "$WORK/copy" "$R/load" || die "the copy"
serving load || die "bdkd on the copy"
unlock load dora >/dev/null 2>&1
unlock load anna >"$WORK/said" 2>&1
said 'is unlocked'
refuses 0 'FFFF987654' lists load
stop load

# --- What is refused ----------------------------------------------------------------------------------------------------
# closed TEXT COMMAND...: bdkd does not start, and says so with it
closed() {
	local pattern=$1
	shift
	timeout 60 "$@" >"$WORK/said" 2>&1
	[ $? -ge 64 ] || complain "served: $*"
	said "$pattern"
}
closed 'LimitMEMLOCK' setpriv --reuid=$OWNER --regid=$OWNER --clear-groups sh -c "ulimit -l 64; exec '$BIN/bdkd' --room '$R/load'"
echo x >"$R/load/pin"; closed 'a PIN file' $OWN "$BIN/bdkd" --room "$R/load"; rm "$R/load/pin"
sed -i.kept 's/^accept-software-token.*//' "$R/load/room.conf"; closed 'accept-software-token = yes' $OWN "$BIN/bdkd" --room "$R/load"
cp "$R/load/room.conf.kept" "$R/load/room.conf"
sed -i '/^station-user/d' "$R/load/room.conf"; closed 'station-user = NAME' $OWN "$BIN/bdkd" --room "$R/load"
cp "$R/load/room.conf.kept" "$R/load/room.conf"; chown $OWNER "$R/load/room.conf"
sed -i '/^user/d' "$R/load/room.conf"; closed 'user = NAME' "$BIN/bdkd" --room "$R/load"

# --- PINs and passphrases ---------------------------------------------------------------------------------------------------
stop_all
for who in anna bert carl dora sara otto olga; do printf 'phrase-%s "%s\n' $who "$(phrase_of $who)"; done |
	cat - "$WORK/load.pin" "$WORK/new.pin" >"$WORK/needles"
mapfile -t files < <(find "$R" -type f; ls "$WORK"/*.log "$WORK"/*.err "$WORK"/all.said "$WORK"/asked "$WORK"/otto "$WORK"/olga; find "$F" -type f)
"$SCAN" files "$WORK/needles" "${files[@]}" >"$WORK/found" 2>"$WORK/said" || complain "in files: $(cat "$WORK/found" "$WORK/said")"
cp "$WORK/load.pin" "$WORK/twin"
"$SCAN" files "$WORK/needles" "$WORK/twin" >/dev/null 2>&1 && complain "the twin (a PIN in a file) was not caught"
exit $fail
