#!/bin/bash
# Every act that takes two, tried by one person, in rooms of each purpose: as each role, agreed to by the same person, by one of
# another role, one who was dismissed, one who is kept out, and one without a passphrase. Nothing changes; the audit has it.
set -u
if [ "$(id -u)" -ne 0 ]; then
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has tried what one of seven users may do alone"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
. tests/people/tools.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
chmod 755 "$WORK" && two_key_sets || exit 1
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1
openssl req -in "$WORK/acquirer.csr" -outform DER -out "$WORK/acquirer.csr.der" &&
	cp "$WORK/FFFF111111.krx" "$WORK/package" || exit 1
for r in ca load acquirer; do
	stop $r
	printf 'people-user = %s\n' "$(seq -s ' ' 60031 60037)" >>"$WORK/$r/room.conf"
done
alone() { python3 -B tests/people/alone.py "$1" "$WORK/$2" "$WORK"; }
cp -r "$WORK/load" "$WORK/twin" && sed -i "s,$WORK/load,$WORK/twin,g" "$WORK/twin/room.conf"
for r in ca load acquirer; do alone "$BIN/bdkd" $r || fail=1; done
# broken twin: a row of the rules that asks nobody
twin_bdkd "$WORK/twin-bdkd" "$ALONE" || exit 1
alone "$WORK/twin-bdkd" twin >"$WORK/out" 2>&1 && { echo "the broken twin was not found"; fail=1; }
grep -q 'OP_STATE by anna' "$WORK/out" && grep -q 'changed something: key_state' "$WORK/out" || { cat "$WORK/out"; fail=1; }
exit $fail
