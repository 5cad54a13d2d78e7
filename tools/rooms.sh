# Shell functions that the demo and the system tests share: rooms, their bdkd, terminals. Source it with
#   B      the build folder (build/gcc)
#   WORK   an empty temporary folder; everything is made below it
# Whatever start() started is stopped by stop_all.

BIN=$PWD/$B/bin
TEST=$PWD/$B/test
TEST_EXT=$(sed -n 's/^TEST_EXT := //p' Makefile) # what whoever links the tests' library needs besides
SHIM=$B/test/tty-shim.so # as it lies from here: LD_PRELOAD cannot name a path with a blank
PIDS=

# start NAME READY COMMAND...: run in the background, output to WORK/NAME.log, until a line beginning READY is there
start() {
	local name=$1 ready=$2 i
	shift 2
	: >"$WORK/$name.log" # what one of that name said before is over
	"$@" >"$WORK/$name.log" 2>"$WORK/$name.err" </dev/null &
	eval "PID_$name=$!"
	PIDS="$PIDS $!"
	for i in $(seq 1 400); do
		grep -q "^$ready" "$WORK/$name.log" 2>/dev/null && return 0
		kill -0 "$!" 2>/dev/null || break
		sleep 0.05
	done
	echo "$name did not start:" >&2
	cat "$WORK/$name.err" >&2
	return 1
}

# stop NAME: end it and wait for it
stop() {
	eval "local pid=\$PID_$1"
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	PIDS=${PIDS/ $pid/}
}

stop_all() {
	[ -z "$PIDS" ] || kill $PIDS 2>/dev/null
	wait 2>/dev/null
	PIDS=
}

# room NAME PURPOSE: a new test room WORK/NAME
room() { "$BIN/bdk" init "$WORK/$1" --purpose "$2" --test --name "$1"; }

# serve NAME: its bdkd, in the background
serve() { start "$1" "bdkd: serving" "$BIN/bdkd" --room "$WORK/$1"; }

# certify CA ROOM ROLE: the ca room certifies another room, and its revocation list goes there; only files travel
certify() {
	"$BIN/bdk" request --room "$WORK/$2" >"$WORK/$2.csr" &&
	"$BIN/bdk" certify --room "$WORK/$1" --role "$3" "$WORK/$2.csr" >"$WORK/$2.crt" &&
	"$BIN/bdk" anchors --room "$WORK/$1" >"$WORK/$1.anchors" &&
	"$BIN/bdk" install --room "$WORK/$2" --anchors "$WORK/$1.anchors" "$WORK/$2.crt" >/dev/null &&
	carry_list "$1" "$2"
}

# carry_list CA ROOM: the revocation list from the ca room to another
carry_list() {
	"$BIN/bdk" crl --room "$WORK/$1" >"$WORK/$1.crl" &&
	"$BIN/bdk" install --room "$WORK/$2" --crl "$WORK/$1.crl" >/dev/null
}

# three_rooms: ca, load and acquirer, served, the other two certified by ca
three_rooms() {
	local r
	for r in ca load acquirer; do
		room $r $r >/dev/null && serve $r || return
	done
	certify ca load load && certify ca acquirer acquirer
}

# lease ID SCHEME [RANGE [ROOM]]: device ids of a key set from the room "ca" to the room "load", unless it is another
lease() {
	"$BIN/bdk" lease --room "$WORK/ca" --key-set "$1" --scheme "$2" --range "${3:-0-999}" --for "$WORK/${4:-load}.crt" \
		>"$WORK/$1.lease" &&
	"$BIN/bdk" accept --room "$WORK/${4:-load}" "$WORK/$1.lease" >/dev/null
}

# root_of CA: the enrolment root's digest as it stands in the image of terminals made for that ca room
root_of() { "$BIN/bdk" info --room "$WORK/$1" --json | sed -n 's/.*"root": *"\([0-9A-F]*\)".*/\1/p'; }

# boot NAME SERIAL CA LINK: a terminal, its memory in WORK/NAME.nv, its till at WORK/NAME.till; with BOARD=mps2-an386 on a
# Cortex-M4 in QEMU
TERMINAL=$BIN/terminal
[ "${BOARD:-posix}" = posix ] || TERMINAL=$PWD/tools/board
boot() {
	start "$1" READY "$TERMINAL" --nv "$WORK/$1.nv" --link "$4" --till "unix:$WORK/$1.till" --serial "$2" \
		--root "$(root_of "$3")" --display "$WORK/$1.display" || return
	case $4 in pty:*) timeout 20 sh -c 'until [ -L "$1" ]; do sleep 0.02; done' - "${4#pty:}" ;; esac
}

# read_display NAME: what a person reads off the terminal's display: the digits of its last SPKI line
read_display() { sed -n 's/^SPKI //p' "$WORK/$1.display" | tail -n 1; }

# enrol NAME SERIAL CA PORT: expect the serial, run the enrolment, play the person who reads the display when asked
enrol() {
	local digits=$WORK/$1.digits
	rm -f "$digits"
	mkfifo "$digits"
	"$BIN/bdk" expect --room "$WORK/$3" "$2" >/dev/null || return
	(
		for i in $(seq 1 400); do
			[ -n "$(read_display "$1")" ] && break
			sleep 0.05
		done
		read_display "$1" >"$digits"
	) &
	local person=$!
	$SHIMMED "$BIN/bdk" enrol --room "$WORK/$3" --port "$4" --serial "$2" --digest-file "$digits"
	local status=$?
	kill "$person" 2>/dev/null
	wait "$person" 2>/dev/null
	return $status
}

# inject SERIAL SLOT KEYSET PORT [OPTION...]: load one terminal from the room "load"
inject() {
	local serial=$1 slot=$2 set=$3 port=$4
	shift 4
	$SHIMMED "$BIN/kif" inject --room "$WORK/load" --port "$port" --serial "$serial" --key-set "$set" --slot "$slot" \
		--ledger "$WORK/kif.db" "$@"
}
SHIMMED=

# state NAME: what an attack must not change: the terminal's memory, the journal's issue, the station's ledger
state() {
	sha256sum <"$WORK/$1.nv" | cut -c1-16
	"$BIN/bdk" digest --room "$WORK/load" | cut -c1-16
	"$BIN/kif" list --ledger "$WORK/kif.db" --json | sha256sum | cut -c1-16
}
