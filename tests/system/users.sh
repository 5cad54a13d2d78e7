#!/bin/bash
# A user each: a room's own, its people's, its station's, and somebody else. What each may reach, and what bdkd is once root has
# started it. Several users need root, here or in a user namespace.
set -u
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
ROOM=60001 PEOPLE=60002 STATION=60003 OTHER=60004
as() { local u=$1; shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && mkdir -m 755 "$WORK/rooms" && chown $ROOM "$WORK/rooms" || exit 1
BIN=$WORK/bin R=$WORK/rooms/load
cat >"$WORK/knock.py" <<'EOF'
# Whether a socket lets in: "refused" by its rights, "hung up on" by who is behind it, or "answered"
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    s.connect(sys.argv[1])
    s.send(b"\x00\x00")
    print("answered" if s.recv(65536) else "hung up on")
except PermissionError:
    print("refused")
except ConnectionError:
    print("hung up on")
EOF
# knocks UID ROLE VERDICT
knocks() {
	local said
	said=$(as "$1" /usr/bin/python3 "$WORK/knock.py" "$R/$2.sock" 2>&1)
	[ "$said" = "$3" ] || complain "uid $1 at the $2 socket: $said, not $3"
}
as $ROOM "$BIN/bdk" init "$R" --purpose load --test >/dev/null || complain init
printf 'user = %s\npeople-user = %s\nstation-user = %s\n' $ROOM $PEOPLE $STATION >>"$R/room.conf"

# --- Root starts it, and it is the room's user for good ---------------------------------------------------------------
start load "bdkd: serving" "$BIN/bdkd" --room "$R" || complain bdkd
for pid in $PID_load $(pgrep -P "$PID_load"); do
	for id in Uid Gid; do
		grep -qE "^$id:	$ROOM	$ROOM	$ROOM	$ROOM$" "/proc/$pid/status" || complain "$pid: $(grep $id: "/proc/$pid/status")"
	done
	grep -qE '^Groups:	 ?$' "/proc/$pid/status" || complain "$pid has groups"
	grep -qE '^Cap(Prm|Eff|Inh|Amb):	0*[1-9a-f]' "/proc/$pid/status" && complain "$pid has capabilities"
	grep -q '^Seccomp:	2' "/proc/$pid/status" || complain "$pid has no filter of system calls"
	grep -q '^VmLck:	 *0 kB' "/proc/$pid/status" && ! grep -q 'memory is not locked' "$WORK/load.err" &&
		complain "$pid has not locked its memory, and nobody was told"
done

# --- Who may come in --------------------------------------------------------------------------------------------------
knocks $PEOPLE people answered
knocks $PEOPLE station refused
knocks $STATION station answered
knocks $STATION people refused
knocks $OTHER people refused
knocks $OTHER station refused
knocks $ROOM people 'hung up on'
as $PEOPLE "$BIN/bdk" audit --room "$R" | grep -qE "uid $ROOM people +connect" ||
	complain "whom the socket is not for does not stand in the audit"
as $PEOPLE "$BIN/bdk" info --room "$R" | grep -q '^purpose *load' || complain "the people's user is not served"
said=$(as $OTHER "$BIN/bdk" info --room "$R" 2>&1)
[ $? -eq 77 ] && [[ $said == *people-user* ]] || complain "another user was told: $said"

# --- What is in the folder is the room's user's -----------------------------------------------------------------------
find "$R" ! -user $ROOM | grep -q . && complain "not the room's: $(find "$R" ! -user $ROOM)"
find "$R" -type f -perm /077 | grep -q . && complain "open to others: $(find "$R" -type f -perm /077)"
find "$R" -mindepth 1 -type d -perm /077 | grep -q . && complain "open to others: $(find "$R" -type d -perm /077)"
reach() {
	local u=$1
	as "$u" ls "$R" >/dev/null 2>&1 && echo "uid $u lists the folder"
	for f in pin room.conf journal.db lock token certs; do
		as "$u" cat "$R/$f" >/dev/null 2>&1 && echo "uid $u reads $f"
		as "$u" sh -c 'ls "$1"/ && cat "$1"/*/*' - "$R/$f" >/dev/null 2>&1 && echo "uid $u sees into $f"
	done
	as "$u" cat "/proc/$PID_load/environ" >/dev/null 2>&1 && echo "uid $u reads bdkd's environment"
	as "$u" touch "$R/x" 2>/dev/null && echo "uid $u writes into the folder"
}
for u in $PEOPLE $STATION $OTHER; do
	found=$(reach $u)
	[ -z "$found" ] || complain "$found"
done
# Broken twins: the room's own user does reach all that; and where the rights are gone the peer's uid still keeps others out.
[ "$(reach $ROOM | wc -l)" -ge 6 ] || complain "the broken twin (one user for all) was not caught"
chmod 777 "$R" "$R"/*.sock
knocks $OTHER people 'hung up on'
knocks $OTHER station 'hung up on'
knocks $PEOPLE station 'hung up on'
chmod 700 "$R"

# --- What is refused --------------------------------------------------------------------------------------------------
stop load
# refused TEXT: bdkd does not start, and says so with it
refused() {
	timeout 20 "$BIN/bdkd" --room "$R" >"$WORK/out" 2>&1
	[ $? -ge 64 ] && grep -q -- "$1" "$WORK/out" || complain "not refused with '$1': $(cat "$WORK/out")"
}
sed -i "s/^user = .*/user = $OTHER/" "$R/room.conf"; refused 'does not belong'
sed -i "s/^user = .*/user = 0/" "$R/room.conf"; refused 'or root'
sed -i "s/^user = .*/user = nobody-of-that-name/" "$R/room.conf"; refused 'nobody here'
sed -i "s/^user = .*/user = $ROOM/; s/^people-user = .*/people-user = $PEOPLE $OTHER/" "$R/room.conf"
said=$(as $OTHER "$BIN/bdkd" --room "$R" 2>&1) && complain "another user serves the room"
# Two users at one socket, and one who is named no more.
start load "bdkd: serving" "$BIN/bdkd" --room "$R" || complain "bdkd with two people"
knocks $PEOPLE people answered
knocks $OTHER people answered
stop load
# Nobody shuts the others out: one user gets 16 places, people 48 in all, and a station is served whatever they do.
cat >"$WORK/hold.py" <<'EOF'
# Asks for info (op 1) on so many connections, says how many are answered, and keeps them
import signal, socket, sys
kept = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    try:
        s.send(b"\x00\x01")
        if s.recv(65536):
            kept.append(s)
    except ConnectionError:
        pass
print("holds", len(kept), flush=True)
signal.pause()
EOF
sed -i "s/^people-user = .*/people-user = $PEOPLE $OTHER 60005 60006/" "$R/room.conf"
start load "bdkd: serving" "$BIN/bdkd" --room "$R" || complain "bdkd with four people"
for u in $PEOPLE $OTHER 60005 60006; do
	start hold$u holds setpriv --reuid=$u --regid=$u --clear-groups /usr/bin/python3 "$WORK/hold.py" "$R/people.sock" 20 || complain "$u"
done
held=$(for u in $PEOPLE $OTHER 60005 60006; do cat "$WORK/hold$u.log"; done | tr '\n' ' ')
[ "$held" = "holds 16 holds 16 holds 16 holds 0 " ] || complain "people hold: $held"
knocks $STATION station answered
stop hold60005
for i in $(seq 200); do [ "$(as 60006 /usr/bin/python3 "$WORK/knock.py" "$R/people.sock")" = answered ] && break; sleep 0.05; done
knocks 60006 people answered
for u in $PEOPLE $OTHER 60006; do stop hold$u; done
stop load
sed -i '/^\(user\|people-user\|station-user\) /d' "$R/room.conf"
start load "bdkd: serving" setpriv --reuid=$ROOM --regid=$ROOM --clear-groups "$BIN/bdkd" --room "$R" || complain "bdkd of the room's user"
[ "$(stat -c %a "$R")" = 700 ] || complain "the folder stayed open: $(stat -c %a "$R")"
knocks $PEOPLE people refused
knocks $ROOM people answered
stop load

# --- Sockets that systemd hands over ----------------------------------------------------------------------------------
printf 'user = %s\npeople-user = %s\nstation-user = %s\n' $ROOM $PEOPLE $STATION >>"$R/room.conf"
# activate NAMES: what systemd does, with its own program for that: sockets first, bdkd when somebody knocks
activate() {
	rm -f "$R"/*.sock
	systemd-socket-activate --seqpacket -l "$R/people.sock" -l "$R/station.sock" --fdname="$1" "$BIN/bdkd" --room "$R" \
		>"$WORK/act.log" 2>&1 &
	PID_act=$! PIDS="$PIDS $!"
	for i in $(seq 200); do [ -S "$R/station.sock" ] && break; sleep 0.05; done
}
umask 077
activate people:station
before=$(stat -c %i "$R/people.sock")
/usr/bin/python3 "$WORK/knock.py" "$R/people.sock" | grep -q answered || complain "no answer on a socket handed over: $(cat "$WORK/act.log")"
[ "$(stat -c %i "$R/people.sock")" = "$before" ] || complain "the socket handed over was replaced"
stop act
[ -S "$R/people.sock" ] || complain "the socket handed over was removed"
activate people:acquirer
/usr/bin/python3 "$WORK/knock.py" "$R/people.sock" >/dev/null
for i in $(seq 200); do grep -q FileDescriptorName "$WORK/act.log" && break; sleep 0.05; done
grep -q FileDescriptorName "$WORK/act.log" || complain "a socket of another room's was taken: $(cat "$WORK/act.log")"
exit $fail
