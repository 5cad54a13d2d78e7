#!/bin/bash
# A whole ceremony in a production load room, and an oracle that knows every secret of it: passphrases of custodians and of people, the
# token's PINs that the shares make, components, the key that they are of. None of them is in any file, log, journal or screen, in
# the arguments or the environment of any process that ever ran meanwhile, or in the memory of the room's processes but for the PIN
# while it is unlocked: neither as it is nor in hexadecimal, base64 or backwards. Planted twins of each kind are found.
set -u
shopt -s lastpipe # who sits down at the end of a pipe is this shell's
if [ "$(id -u)" -ne 0 ]; then
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has looked for a ceremony's secrets"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; cat "$WORK/said" 2>/dev/null; exit 1; }
OWNER=60010
uid_of() { case $1 in anna) echo 60061 ;; bert) echo 60062 ;; carl) echo 60063 ;; dora) echo 60064 ;; sara) echo 60065 ;; esac; }
phrase_of() { echo "the passphrase of $1, no. $(uid_of "$1")"; }
as() { local u; u=$(uid_of "$1"); shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/people/typed.py tests/components/typist.py "$WORK" &&
	mkdir -m 755 "$WORK/rooms" && mkdir -m 1777 "$WORK/screens" && chown $OWNER "$WORK/rooms" && mkdir -p "$TEST/leaks" || exit 1
SCAN=$TEST/leaks/scan-secrets
gcc -std=c17 -O2 -I. -D_GNU_SOURCE -o "$SCAN" tests/leaks/scan.c "$B/lib/libbase.a" || exit 1
BIN=$WORK/bin S=$WORK/screens R=$WORK/rooms/load
# A production room locks its memory: by its limit, or else by the one capability that this takes.
OWN="setpriv --reuid=$OWNER --regid=$OWNER --clear-groups"
ulimit -l unlimited 2>/dev/null || OWN="$OWN --inh-caps +ipc_lock --ambient-caps +ipc_lock"
$OWN /usr/bin/python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mlockall(3) or not bytearray(200 << 20))' 2>/dev/null || {
	echo "200 MB of memory cannot be locked here: raise the limit (ulimit -l), or run this as root"
	exit 77
}
until_says() { timeout 60 sh -c 'until grep -q -- "$1" "$2" 2>/dev/null; do sleep 0.02; done' - "$1" "$2" || complain "never said '$1': $(cat "$2")"; }

# --- People at terminals of their own ------------------------------------------------------------------------------------------
# by NAME COMMAND...: the passphrase is typed as often as it is asked for
by() { local who=$1; shift; as "$who" /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" "$@" --room "$R" < <(for i in 1 2 3; do phrase_of "$who"; done); }
does() { by "$@" >"$S/said" 2>&1 || complain "$*: $(cat "$S/said")"; }
both() { # FIRST SECOND COMMAND...
	local one=$1 two=$2
	shift 2
	rm -f "$S/asked"
	by "$one" "$@" >"$S/asked" 2>&1 &
	local pid=$!
	until_says '^waiting' "$S/asked"
	does "$two" approve "$(sed -n 's/^  digest  //p' "$S/asked")"
	wait $pid || complain "$*: $(cat "$S/asked")"
}
# sits NAME COMMAND...: in the background at a terminal, typing what standard input says
sits() {
	local who=$1
	shift
	as "$who" /usr/bin/python3 "$WORK/typist.py" "$S/$who" "$BIN/bdk" "$@" --room "$R" <<<"$(cat)" &
	eval "PID_$who=$!"
	PIDS="$PIDS $!"
}
gone() { local s pid; eval "pid=\$PID_$1"; wait "$pid"; s=$?; PIDS=${PIDS/ $pid/}; return $s; }
types() { printf 'Passphrase of %s: \t!%s\nYour component, digits 1 to 4 of 32: \t!%s\nyes or no): \tyes\n' "$1" "$(phrase_of "$1")" "$2"; }
unlocks() { does "$1" unlock; does "$2" unlock; grep -q 'is unlocked' "$S/said" || complain "$1 and $2 do not unlock it: $(cat "$S/said")"; }

# --- The ceremony --------------------------------------------------------------------------------------------------------------
start processes watching python3 tests/leaks/processes.py "$WORK/shown" || exit 1
list=$(for n in anna bert carl; do printf '%s=%s,' $n "$(uid_of $n)"; done)
$OWN /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" init "$R" --purpose load --name load --custodians "${list%,}" --threshold 2 \
	--accept-software-token < <(for n in anna bert carl; do phrase_of $n; phrase_of $n; done) >"$S/said" 2>&1 || die "init: $(cat "$S/said")"
sed -i "s/^people-user = .*/& 60064 60065/" "$R/room.conf" && printf 'user = %s\nstation-user = 60066\n' $OWNER >>"$R/room.conf"
mkdir "$WORK/old" && cp "$R/shares"/* "$WORK/old"
start load "bdkd: serving" $OWN "$BIN/bdkd" --room "$R" || exit 1
unlocks anna bert
both anna bert appoint sara --uid "$(uid_of sara)" --role supervisor
does sara passphrase
does sara ceremony open "one of many"
does sara ceremony close "done"
does sara ceremony record --out "$S/record"
# a fresh component, which a mailer shows once, and two that are on paper
C1=5D79A1F4298C3BE64C0EF2FD1A76D093 C2=D0C1B2A394857667584C3B2A1C0D0E0F
{ printf 'Passphrase of carl: \t!%s\npress a key\t-KEY\n' "$(phrase_of carl)"; } |
	{ sits carl component --algorithm 2TDEA --of next --part 1/2 --bag M-1; gone carl; } || complain "a mailer: $(cat "$S/carl")"
C3=$(tr -d '\r' <"$S/carl" | sed -n '/^  component /,/^  check value/p' | grep -v 'check value' | sed 's/component//' | tr -d ' \n')
[ ${#C3} = 32 ] || complain "a mailer: $(cat "$S/carl")"
rm "$S/carl" # what the mailer printed
{ types anna $C1; printf 'paper says? (yes or no): \tyes\n'; } | sits anna import --components 2 --kbpk zmk --algorithm 2TDEA --bag B-1
until_says "component 1 of" "$S/anna"
{ types bert $C2; printf 'paper says? (yes or no): \tyes\n'; } | sits bert import --join --bag B-2
gone bert && gone anna || complain "two components: $(cat "$S/anna" "$S/bert")"
# mistyped, refused, withdrawn: the passphrase and the component of an attempt are nowhere either
types bert $C3 | sits bert import --components 2 --kbpk other --algorithm 2TDEA --bag B-3
until_says "component 1 of" "$S/bert"
does anna import --withdraw
gone bert && complain "withdrawn"
as bert /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" approve 0123 --room "$R" < <(echo "a passphrase that bert mistypes") >"$S/said" 2>&1
# the custodians change, and with them the PINs
next=anna=$(uid_of anna),bert=$(uid_of bert),dora=$(uid_of dora)
as anna "$BIN/bdk" custodians --room "$R" --change "$next" --threshold 2 >"$S/said" 2>&1 || complain "change: $(cat "$S/said")"
for p in dora anna bert; do does $p entrust; done
grep -q changed "$S/said" || complain "the custodians do not change: $(cat "$S/said")"

# --- The oracle ----------------------------------------------------------------------------------------------------------------
stop processes
{
	for p in anna bert carl dora sara; do printf 'passphrase-%s "%s\n' $p "$(phrase_of $p)"; done
	echo 'passphrase-mistyped "a passphrase that bert mistypes'
	printf 'component1 %s\ncomponent2 %s\ncomponent3 %s\n' $C1 $C2 $C3
	python3 -c 'import sys; a, b = (bytes.fromhex(x) for x in sys.argv[1:]); x = bytes(p ^ q for p, q in zip(a, b)); print("kbpk", x.hex())
print("kbpk-odd", bytes(p & 0xFE | (bin(p >> 1).count("1") + 1) % 2 for p in x).hex())' $C1 $C2
} >"$WORK/needles"
pins() { # SHARES KIND NUMBER=NAME...: what recombines there
	local dir=$1 kind=$2 at args=
	shift 2
	for at in "$@"; do set -- "$dir"/$kind-*-"${at%%=*}"; args="$args$1=$(phrase_of "${at#*=}")
"; done
	mapfile -t list <<<"${args%?}"
	python3 tests/production/pin.py "${list[@]}" | sed "s/^pin/$kind/"
}
{ pins "$WORK/old" pin 1=anna 2=bert; pins "$R/shares" pin 1=anna 3=dora; } >"$WORK/pins" || complain "no PIN"
{ pins "$WORK/old" so 1=anna 2=bert; pins "$R/shares" so 1=anna 3=dora; } >>"$WORK/needles" || complain "no SO PIN"
[ "$(grep -c '^so-text' "$WORK/needles")" = 2 ] && [ "$(grep -c '^pin-bytes' "$WORK/pins")" = 2 ] || complain "PINs: $(wc -l "$WORK/pins")"
cat "$WORK/needles" "$WORK/pins" >"$WORK/all"
clean() { local title=$1; shift; "$SCAN" "$@" >"$WORK/found" 2>"$WORK/said" || complain "$title: $(sort "$WORK/found" | uniq -c | head; cat "$WORK/said")"; }
holds() { # TITLE PATTERN SCAN-ARGUMENTS
	local title=$1 pattern=$2
	shift 2
	"$SCAN" "$@" >"$WORK/found" 2>"$WORK/said"
	[ $? -eq 1 ] && grep -qE "$pattern" "$WORK/found" || complain "the twin was not found: $title: $(cat "$WORK/found" "$WORK/said")"
}
processes() { echo "$PID_load" $(pgrep -P "$PID_load"); }
everything() { find "$WORK/rooms" "$S" -type f; ls "$WORK"/*.log "$WORK"/*.err "$WORK/shown"; }
grep -qa 'import.--components.2' "$WORK/shown" && [ "$(grep -ac 'typist.py' "$WORK/shown")" -ge 4 ] || complain "nobody watched the processes"
clean "memory of an unlocked room" memory "$WORK/needles" $(processes)
holds "the PIN of an unlocked room" 'pin-text' memory "$WORK/pins" $(processes)
as anna "$BIN/bdk" lock --room "$R" >"$S/said" 2>&1 || complain "lock: $(cat "$S/said")"
clean "memory of a locked room" memory "$WORK/all" $(processes)
mapfile -t files < <(everything)
[ ${#files[@]} -gt 20 ] || complain "only ${#files[@]} files"
clean "files, screens, logs, arguments and environments" files "$WORK/all" "${files[@]}"
unlocks dora anna
stop load
mapfile -t files < <(everything)
clean "files of a room that has stopped" files "$WORK/all" "${files[@]}"
find "$WORK" -name 'core*' | grep -q . && complain "a core was dumped"

# --- Planted: one of each kind, in each form -------------------------------------------------------------------------------------
pin=$(sed -n 's/^pin-bytes //p' "$WORK/pins" | tail -n 1)
plant() { holds "$1" "$2" files "$WORK/all" "$WORK/twin"; }
printf 'x%sx' "$(phrase_of dora)" >"$WORK/twin"; plant "a passphrase" 'passphrase-dora text'
phrase_of sara | base64 >"$WORK/twin"; plant "… in base64" 'passphrase-sara base64'
printf 'xy%s' "$(phrase_of sara)" | base64 -w 0 >"$WORK/twin"; plant "… behind something else" 'passphrase-sara base64'
phrase_of carl | tr -d '\n' | xxd -p -c 99 >"$WORK/twin"; plant "… in hexadecimal" 'passphrase-carl hex'
phrase_of anna | rev >"$WORK/twin"; plant "… backwards" 'passphrase-anna backwards'
printf '%s' $C3 | xxd -r -p >"$WORK/twin"; plant "a component" 'component3 bytes'
printf '%s' ${C1:16} | tr A-F a-f >"$WORK/twin"; plant "half of one in hexadecimal" 'component1 hex'
printf '%s' $C2 | xxd -r -p | base64 >"$WORK/twin"; plant "… in base64" 'component2 base64'
sed -n 's/^kbpk //p' "$WORK/needles" | fold -w 2 | tac | tr -d '\n' | xxd -r -p >"$WORK/twin"; plant "a KBPK backwards" 'kbpk backwards'
printf '%s' "$pin" | xxd -r -p >"$WORK/twin"; plant "a PIN" 'pin-bytes bytes'
# A process that lives until it was seen; what it is looked for by stands in a file, not in arguments.
echo $C1 >"$WORK/c1"
start processes watching python3 tests/leaks/processes.py "$WORK/twin" || exit 1
C=$C1 sleep 60 & holder=$!
timeout 60 sh -c 'until grep -qaFf "$1" "$2"; do sleep 0.02; done' - "$WORK/c1" "$WORK/twin"
kill $holder
stop processes
plant "a component in an environment" 'component1 hex'
exit $fail
