#!/bin/bash
# The walls around bdkd (supervisor and workers) and the terminal, read from /proc: no core, no new privileges, not dumpable.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }

# As root the owner of /proc/PID does not tell, so the programs run as somebody else: the owner is root where not dumpable.
if [ "$(id -u)" -eq 0 ]; then
	chmod 777 "$WORK"
	cp -r "$BIN" "$WORK/bin"	# where somebody else can reach them
	BIN=$WORK/bin
	AS='setpriv --reuid=65534 --regid=65534 --clear-groups'
else
	AS=
fi
walls() {
	local name=$1 pid=$2
	grep -q '^NoNewPrivs:	1' "/proc/$pid/status" || complain "$name may gain privileges"
	grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits" || complain "$name may dump core"
	[ "$(stat -c %u "/proc/$pid/environ")" = 0 ] || [ "$(id -u)" -ne 0 -a "$(stat -c %u "/proc/$pid/environ")" != "$(id -u)" ] ||
		complain "$name is dumpable"
}
$AS "$BIN/bdk" init "$WORK/room" --purpose load --test --name W >/dev/null || complain "init"
start room "bdkd: serving" $AS "$BIN/bdkd" --room "$WORK/room" || complain "bdkd"
start term READY $AS "$BIN/terminal" --nv "$WORK/nv" --link "unix:$WORK/l" --till "unix:$WORK/t" --serial TC-1 \
	--root "$(printf '00%.0s' $(seq 32))" || complain "terminal"
worker=$(pgrep -P "$PID_room" -f -- --worker) || complain "bdkd has no worker"
[ "$(echo $worker | wc -w)" = 2 ] || complain "a load room has two workers, not $worker"
walls "bdkd supervisor" "$PID_room"
for w in $worker; do walls "bdkd worker" "$w"; done
parser=$(pgrep -P "$PID_room" -f -- --parser) || complain "bdkd has no parser"
walls "bdkd parser" "$parser"
walls terminal "$PID_term"
grep -q libsofthsm "/proc/$PID_room/maps" && complain "the supervisor holds the module"
grep -q libsofthsm "/proc/$parser/maps" && complain "the parser holds the module"
[ "$(id -u)" -ne 0 ] || [ ! -s "/proc/$parser/environ" ] || complain "the parser has an environment"
for p in $worker $parser; do
	[ "$(id -u)" -ne 0 ] || [ "$(ls "/proc/$p/fd" | tr '\n' ' ')" = "0 1 2 3 " ] || complain "process $p holds more than its end"
	for d in 0 1; do
		[ "$(id -u)" -ne 0 ] || [ "$(readlink "/proc/$p/fd/$d")" = /dev/null ] || complain "process $p has the supervisor's descriptor $d"
	done
done
for w in $worker; do grep -q libsofthsm "/proc/$w/maps" || complain "the worker does not hold the module"; done

# Broken twin: a process without walls is caught.
$AS sleep 60 & PIDS="$PIDS $!"
before=$fail
said=$(walls twin $!) || :
[ -n "$said" ] || { echo "the broken twin was not caught"; before=1; }
fail=$before

[ "$(stat -c %a "$WORK/room")" = 700 ] || complain "the room's folder is open to others"
[ "$(stat -c %a "$WORK/room/pin")" = 400 ] || complain "the PIN file is not 0400"
for s in people station; do [ "$(stat -c %a "$WORK/room/$s.sock")" = 600 ] || complain "$s.sock is open to others"; done

# Where its output is a device, stdio asks whether that is a terminal: no wall stands in the way.
stop room
$AS "$BIN/bdkd" --room "$WORK/room" >/dev/null 2>"$WORK/device.err" & PIDS="$PIDS $!"
until $AS "$BIN/bdk" info --room "$WORK/room" >/dev/null 2>&1; do
	kill -0 $! 2>/dev/null || { complain "bdkd with its output on a device: $(cat "$WORK/device.err")"; break; }
	sleep 0.05
done
exit $fail
