#!/bin/bash
# Ceremonies that are led: whole ones through pseudo-terminals, each person at one of the own, with corrections, with leaving and
# coming back, a second person who agrees or refuses, and the client ended by kill -9; on screens of several sizes, and on a
# terminal that has no control sequences. What people type is in tests/lead/*.exp.
set -u
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has led a ceremony with a second person"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
command -v expect >/dev/null || { echo "NOT RUN: expect is missing (tools/deps)"; exit 77; }
WORK=$(mktemp -d) fail=0 skipped=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
chmod 777 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/people/typed.py "$WORK/typed.py" || exit 1
export WORK BIN=$WORK/bin ROOM=$WORK/load
export anna_UID=60002 bert_UID=60003 carl_UID=60004 TERM=xterm KIND=test
export anna_PHRASE='the passphrase of anna' bert_PHRASE='the passphrase of bert' carl_PHRASE='the passphrase of carl'
bdk() { "$BIN/bdk" "$@" --room "$ROOM"; }
as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
# scene NAME: as it was written
scene() { expect -f tests/lead/lead.exp "$1" >"$WORK/$1.out" 2>&1 || { echo "$1: $(cat "$WORK/$1.out")"; exit 1; }; }

three_rooms || exit 1
bdk kbpk generate partner --algorithm AES128 >/dev/null || exit 1
stop load
printf 'people-user = 60002 60003\napprove-seconds = 300\n' >>"$ROOM/room.conf"
serve load || exit 1
for p in anna bert; do
	u=${p}_UID s=${p}_PHRASE
	bdk appoint $p --uid "${!u}" --role custodian >/dev/null || exit 1
	printf '%s\n%s\n' "${!s}" "${!s}" | as "${!u}" /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" passphrase --room "$ROOM" >/dev/null || exit 1
done

for kind in $("$BIN/bdk" lead --help | sed -n '1s/.*\[\([a-z|-]*\)\].*/\1/p' | tr '|' ' '); do
	grep -qE "\`(bdk lead )?$kind\`" doc/CEREMONY.md || complain "doc/CEREMONY.md does not tell custodians of $kind"
	kinds=$((${kinds:-0} + 1))
done
[ "${kinds:-0}" -ge 6 ] || complain "only ${kinds:-0} kinds of ceremonies"

scene generate
as 60002 "$BIN/bdk" audit export --room "$ROOM" >"$WORK/audit"
[ "$(grep -c '"what":"generate","object":"FFFF123456, check value [0-9A-F]*","reason":""' "$WORK/audit")" = 1 ] || complain "not one key set: $(cat "$WORK/audit")"
grep -q '"who":"anna uid 60002, bert uid 60003","what":"generate","object":"FFFF123456' "$WORK/audit" || complain "not by two"
as 60002 "$BIN/bdk" audit key --room "$ROOM" >"$WORK/records.pem"
"$BIN/bdk" ceremony verify "$WORK/record.txt" --key "$WORK/records.pem" >"$WORK/out" 2>&1 || complain "its record: $(cat "$WORK/out")"
for said in 'Anna A, custodian' 'correction: Carl C is not here' 'sent to Bank-1' 'closed: all is locked away'; do
	grep -qF "$said" "$WORK/record.txt" || complain "its record lacks '$said'"
done
"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/lead2.krx" >/dev/null || complain "the package is none"

scene block
scene mailers
scene components
as 60002 "$BIN/bdk" list --room "$ROOM" | grep -q '^FFFF222222 .*active' || complain "no key set was entered"
for said in 'component 1 of 2 of FFFF222222' 'destroyed' 're-bagged as C3' 'stored, safe 2'; do
	grep -qF "$said" "$WORK/entered.txt" || complain "the record of the components lacks '$said'"
done
grep -aq 'bag holds  component 1 of 2 of FFFF222222' "$WORK"/screens.* || complain "nobody was shown what is in the bag that is destroyed"
NOT_YET=77 scene destroy
"$BIN/bdk" destroyed verify "$WORK/end.txt" --key "$WORK/records.pem" >"$WORK/out" 2>&1 || complain "the certificate: $(cat "$WORK/out")"
scene sizes
scene restart &
restarting=$!
timeout 120 sh -c 'until [ -e "$WORK/ready" ]; do sleep 0.05; done'
stop load && serve load && touch "$WORK/restarted" || exit 1
wait $restarting || exit 1
as 60002 "$BIN/bdk" lead custodians --room "$ROOM" </dev/null >"$WORK/out" 2>&1 && complain "a test room has custodians"
grep -q 'not for that' "$WORK/out" || complain "custodians of a test room: $(cat "$WORK/out")"

# --- A production room ----------------------------------------------------------------------------------------------------
export ROOM=$WORK/rooms/prod KIND=production
OWNER=60010 OWN="setpriv --reuid=60010 --regid=60010 --clear-groups"
ulimit -l unlimited 2>/dev/null || OWN="$OWN --inh-caps +ipc_lock --ambient-caps +ipc_lock"
if $OWN /usr/bin/python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mlockall(3) or not bytearray(200 << 20))' 2>/dev/null; then
	mkdir -m 755 "$WORK/rooms" && chown $OWNER "$WORK/rooms" &&
	printf '%s\n' "$anna_PHRASE" "$anna_PHRASE" "$bert_PHRASE" "$bert_PHRASE" |
		$OWN /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" init "$ROOM" --purpose ca --name prod --threshold 2 --accept-software-token \
		--custodians "anna=$anna_UID,bert=$bert_UID" >"$WORK/out" 2>&1 || { cat "$WORK/out"; exit 1; }
	sed -i "s/^people-user = .*/& $carl_UID/" "$ROOM/room.conf" && echo "user = $OWNER" >>"$ROOM/room.conf"
	start prod "bdkd: serving" $OWN "$BIN/bdkd" --room "$ROOM" || exit 1
	scene custodians
	said=$(as $carl_UID "$BIN/bdk" custodians --room "$ROOM") && [[ $said == *carl* && $said != *bert* ]] || complain "custodians: $said"
	grep -q '^TEST\|(ca, test' "$WORK/changed.txt" && complain "the record says test"
else
	echo "200 MB of memory cannot be locked here: no production room is led"
	skipped=77
fi

# --- Every screen -----------------------------------------------------------------------------------------------------------
clear=$(printf '\033[H') seen=0
for log in "$WORK"/screens.*; do
	size=${log##*.} kind=${log%.*} kind=${kind##*.}
	grep -aq 'the passphrase of' "$log" && complain "a passphrase was shown"
	if [ "$kind" = dumb ]; then
		grep -aq "$(printf '\033')" "$log" && complain "control sequences on a terminal that knows none"
		continue
	fi
	grep -aqF "$clear" "$log" || continue # another command's
	python3 tests/lead/screens.py "$log" "${size%x*}" "${size#*x}" "$kind" >"$WORK/out" || complain "$size: $(cat "$WORK/out")"
	echo "$size: $(cat "$WORK/out")"
	seen=$((seen + $(sed -n 's/ screens$//p' "$WORK/out")))
	python3 tests/lead/screens.py "$log" 40 "${size#*x}" "$kind" >/dev/null && complain "the broken twin: screens for 40 columns"
done
[ $seen -ge 150 ] || complain "only $seen screens"
[ $fail -ne 0 ] || exit $skipped
exit $fail
