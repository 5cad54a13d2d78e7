#!/bin/bash
# A key set's life through the real programs: made for later, active, over; compromised, with all that hangs below it; destroyed,
# with a certificate, also when bdkd is killed at any instant of it.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
L=$WORK/load A=$WORK/acquirer
bdk() { "$BIN/bdk" "$@"; }
# state_of ROOM ID: as bdk list says
state_of() { bdk list --room "$1" --json | sed -n "s/.*\"key_set\": *\"$2\".*\"state\": *\"\([a-z-]*\)\".*/\1/p"; }
is() { [ "$(state_of "$1" "$2")" = "$3" ] || complain "$2 in ${1##*/} is $(state_of "$1" "$2"), not $3"; }
# refused PATTERN COMMAND...: it fails, and says so
refused() {
	local pattern=$1
	shift
	"$@" >"$WORK/out" 2>"$WORK/said" && complain "went through: $*"
	grep -qE "$pattern" "$WORK/said" || complain "'$*' said: $(cat "$WORK/said")"
}
make_set() { bdk generate --room "$L" --scheme "$1" --id "$2" --for "$WORK/acquirer.crt" --out "$WORK/$2.krx" "${@:3}" >/dev/null 2>"$WORK/said"; }

three_rooms || die "rooms"
make_set tdes FFFF000001 && bdk import --room "$A" "$WORK/FFFF000001.krx" >/dev/null && lease FFFF000001 tdes || die "set"
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || die "t1"

# --- A key is known again --------------------------------------------------------------------------------------------------
cp "$WORK/FFFF000001.krx" "$WORK/again.krx"
refused 'is in this room already' bdk import --room "$A" "$WORK/again.krx"

# --- Periods -----------------------------------------------------------------------------------------------------------------
make_set tdes FFFF000002 --from 2199-01-01 --until 2199-12-31T12:00:00Z || complain "made for later: $(cat "$WORK/said")"
is "$L" FFFF000002 pre-active
bdk list --room "$L" --json | grep -q '"until": "2199-12-31T12:00:00Z"' || complain "until when: $(bdk list --room "$L" --json)"
lease FFFF000002 tdes 0-99 || complain "a lease for later"
refused 'FFFF000002 is pre-active' inject TC-1 0 FFFF000002 "unix:$WORK/t1.link"
for bad in 'soon' '2027-02-30' '2027-01-31T12:00:00' '2027-01-31 12:00:00Z'; do
	refused 'is no time' bdk period --room "$L" FFFF000001 --until "$bad"
done
refused 'ends later than now' bdk period --room "$L" FFFF000001 --until 2020-01-01
refused 'ends after it begins' bdk period --room "$L" FFFF000001 --from 2199-01-01 --until 2198-01-01
refused 'its period has begun' bdk period --room "$L" FFFF000001 --from 2199-01-01
bdk period --room "$L" FFFF000002 --until 2199-12-31T12:00:00Z >/dev/null || complain "period"
is "$L" FFFF000002 pre-active
bdk audit --room "$L" | grep -q 'FFFF000002 from its activation until 2199-12-31T12:00:00Z' || complain "a period without a beginning"
bdk activate --room "$L" FFFF000002 --reason "earlier than planned" >/dev/null || complain "activate"
is "$L" FFFF000002 active
bdk list --room "$L" --history FFFF000002 | grep -q 'active .*earlier than planned' || complain "its life: $(bdk list --room "$L" --history FFFF000002)"
# The clock: the room opens in the year 2200, and again today.
stop load
FAKETIME_SO=$(dpkg -L libfaketime | grep 'libfaketime.so.1$')
start load "bdkd: serving" env LD_PRELOAD="$FAKETIME_SO" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME='@2200-01-01 00:00:00' "$BIN/bdkd" --room "$L" ||
	die "a clock that is ahead"
is "$L" FFFF000002 deactivated
stop load
serve load || die "load"
is "$L" FFFF000002 deactivated # a clock that is set back brings nothing back
refused 'from there it cannot become active' bdk resume --room "$L" FFFF000002
bdk audit --room "$L" | grep -q 'FFFF000002 deactivated: its period has ended' || complain "the clock is not in the audit"

# --- Deactivated: nothing new, and what is out there is recovered -----------------------------------------------------------------
inject TC-1 0 FFFF000001 "unix:$WORK/t1.link" >/dev/null 2>"$WORK/said" || complain "load: $(cat "$WORK/said")"
sell() {
	printf 'pan = 4111111111111111\npin = 1234\namount = 1999\ndata = x\n' | "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 1 |
		"$BIN/acquirer" decrypt --room "$A" >"$WORK/sold" 2>"$WORK/said"
}
bdk handover --room "$L" --out "$WORK/pack" >/dev/null && bdk import-pack --room "$A" "$WORK/pack" >/dev/null || complain "pack"
for r in "$L" "$A"; do bdk deactivate --room "$r" FFFF000001 --reason "end of its period" >/dev/null || complain "deactivate"; done
refused 'FFFF000001 is deactivated' inject TC-1 1 FFFF000001 "unix:$WORK/t1.link"
sell && grep -q 'pin = 1234' "$WORK/sold" || complain "a deactivated key set is not recovered: $(cat "$WORK/sold" "$WORK/said")"

# --- Compromised: what hangs below is told ----------------------------------------------------------------------------------------
refused 'reason' bdk compromise --room "$L" FFFF000001
bdk compromise --room "$L" FFFF000001 --reason "a bag was found open" >"$WORK/below" 2>"$WORK/next" || complain "compromise: $(cat "$WORK/next")"
grep -qE '^TC-1 +0 +FFFF0000010000000000 +loaded' "$WORK/below" || complain "below it, in the load room: $(cat "$WORK/below")"
grep -q '^next: .*bdk destroy' "$WORK/next" || complain "what to do next is not said: $(cat "$WORK/next")"
bdk below --room "$L" FFFF000001 --json | grep -q '"serial": "TC-1".*"state": "loaded"' || complain "below it, as JSON"
grep -q "left in a package for an acquirer room" "$WORK/below" || complain "that its package has left is not told: $(cat "$WORK/below")"
bdk compromise --room "$A" FFFF000001 --reason "KIF-1 says so" >"$WORK/below" 2>/dev/null || complain "compromise in the acquirer room"
grep -qE '^TC-1 .*FFFF0000010000000000' "$WORK/below" || complain "below it, in the acquirer room: $(cat "$WORK/below")"
sell && complain "a compromised key set is recovered"
grep -q 'FFFF000001 is compromised' "$WORK/sold" || complain "the acquirer was told: $(cat "$WORK/said" "$WORK/sold")"
refused 'is compromised' bdk package --room "$L" FFFF000001 --out "$WORK/no.krx"

# --- Destroyed ---------------------------------------------------------------------------------------------------------------------
make_set aes128 00000003 || die "set 3"
refused 'it cannot become destroyed' bdk destroy --room "$L" 00000003 --reason "still in use"
before=$(ls "$L"/token/*/*.object | wc -l)
bdk destroy --room "$L" FFFF000001 --reason "compromised" --out "$WORK/cert" >"$WORK/out" 2>&1 || complain "destroy: $(cat "$WORK/out")"
after=$(ls "$L"/token/*/*.object | wc -l)
[ $((before - after)) -eq 2 ] || complain "$before objects before, $after after: BDK and variant"
grep -q 'CERTIFICATE OF DESTRUCTION' "$WORK/cert" && grep -q 'FFFF000001 (tdes)' "$WORK/cert" || complain "certificate: $(cat "$WORK/cert")"
bdk audit --room "$L" key >"$WORK/records.pem" && bdk destroyed verify "$WORK/cert" --key "$WORK/records.pem" >/dev/null || complain "verify"
sed 's/compromised/expired/' "$WORK/cert" >"$WORK/forged"
refused 'signature wrong' bdk destroyed verify "$WORK/forged" --key "$WORK/records.pem"
sed '0,/compromised/s//expired/' "$WORK/cert" >"$WORK/forged"
refused 'not what the two records' bdk destroyed verify "$WORK/forged" --key "$WORK/records.pem"
bdk audit --room "$A" key >"$WORK/other.pem"
refused 'key' bdk destroyed verify "$WORK/cert" --key "$WORK/other.pem"
bdk destroyed --room "$L" FFFF000001 | sed '/^Made\|^utc\|^signature/d' | cmp -s - <(sed '/^Made\|^utc\|^signature/d' "$WORK/cert") ||
	complain "the certificate once more"
for step in activate resume suspend deactivate; do refused 'is destroyed' bdk $step --room "$L" FFFF000001; done
refused 'is destroyed already' bdk destroy --room "$L" FFFF000001 --reason again
refused 'is in this room already' bdk generate --room "$L" --scheme tdes --id FFFF000001 --for "$WORK/acquirer.crt" --out "$WORK/new.krx"
refused 'was not destroyed' bdk destroyed --room "$L" FFFF000002

# --- Killed, wherever it is ----------------------------------------------------------------------------------------------------------
# What is destroyed is certified after the next start; what is not is still there.
for i in 1 2 3; do
	id=000000A$i
	make_set aes128 $id && bdk deactivate --room "$L" $id >/dev/null || die "set $id"
	bdk destroy --room "$L" $id --reason "killed meanwhile" --out "$WORK/cert$i" >/dev/null 2>&1 &
	asker=$!
	# from before it is decided to after it is proved, as far as the journal has come
	n=$(($(stat -c %s "$L/journal.db-wal") + i * 8000 - 8000))
	while [ "$(stat -c %s "$L/journal.db-wal")" -lt $n ] && kill -0 $asker 2>/dev/null; do :; done
	kill -9 "$PID_load" $(pgrep -P "$PID_load") 2>/dev/null
	wait "$PID_load" "$asker" 2>/dev/null
	PIDS=${PIDS/ $PID_load/}
	serve load || die "load, after $i"
	case $(state_of "$L" $id) in
	destroyed) bdk destroyed --room "$L" $id >"$WORK/cert$i" && bdk destroyed verify "$WORK/cert$i" --key "$WORK/records.pem" >/dev/null ||
		complain "killed: $id is destroyed and not certified" ;;
	deactivated) bdk destroy --room "$L" $id --reason "once more" --out "$WORK/cert$i.2" >/dev/null 2>&1 || complain "killed: $id is not destroyed the second time" ;;
	*) complain "killed: $id is $(state_of "$L" $id)" ;;
	esac
done
bdk audit --room "$L" export >"$WORK/export" && bdk audit verify "$WORK/export" >/dev/null || complain "the audit does not verify"
exit $fail
