#!/bin/bash
# bdkd and its workers are killed at random instants of concurrent ceremonies and loads: people in force, acts that take two, sessions,
# a station. After each life audit, journal, token, the heads held outside and what people were told say the same, and nothing that
# takes two was done by one. Two broken twins are found: one whose audit lacks an act, one that asks for no second person.
# KILLS of bdkd, at instants of SEED; TWINS=no without them. tests/long/kills.sh has 500.
set -u
if [ "$(id -u)" -ne 0 ]; then
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody was killed in a ceremony of eight users"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0" "$@"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/people/tools.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
kills_world || { echo "rooms"; tail -n 3 "$WORK"/*.err; exit 1; }
kills() { python3 -B tests/people/kills.py "$WORK" "$BIN" "$@"; }
kills "${KILLS:-4}" "${SEED:-1}" || { tail -n 3 "$WORK/bdkd.err"; exit 1; }
[ "${TWINS:-yes}" = yes ] || exit 0

# twin SAYS [BDKD [PRELOAD]]: it does not get through
twin() {
	local says=$1
	shift
	kills 20 twin "$@" >"$WORK/twin" 2>&1 && complain "a broken twin was not found: $says"
	grep -qE "$says" "$WORK/twin" || complain "a broken twin was found for another reason: $(cat "$WORK/twin")"
}
mkdir "$WORK/twins"
gcc -std=c17 -O1 -D_GNU_SOURCE -shared -fPIC -o "$WORK/twins/forget.so" tests/shim/forget.c -ldl || exit 1
KEYROOM_FORGET="'state'" twin 'key sets and their states: the journal has|a yes and its act' "$BIN/bdkd" "$WORK/twins/forget.so"
twin_bdkd "$WORK/twins/bdkd" "$ALONE" || exit 1
twin 'by one person' "$WORK/twins/bdkd"
exit $fail
