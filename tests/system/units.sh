#!/bin/bash
# The units of systemd say what systemd understands, name the program that make install puts there, and leave little exposed.
set -u
tmp=$(mktemp -d) fail=0
trap 'rm -rf "$tmp"' EXIT
complain() { echo "$*"; fail=1; }
if ! command -v systemd-analyze >/dev/null; then
	echo "no systemd-analyze here: install the package systemd"
	[ -z "${CI:-}" ] || exit 1
	exit 77
fi
DEPS=no make -s --no-print-directory B="$B" DESTDIR="$tmp" PREFIX=/opt/keyroom install >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
units=$tmp/opt/keyroom/lib/systemd/system
# Verified where they lie, so the program is named where it lies.
mkdir "$tmp/units" && cp "$units"/* "$tmp/units/" && sed -i "s|/opt/keyroom|$tmp&|" "$tmp/units/bdkd@.service" || exit 1
grep -q "^ExecStart=$tmp/opt/keyroom/bin/bdkd --room" "$tmp/units/bdkd@.service" || complain "the service does not name the program that is installed"
[ "$(ls "$tmp/units" | wc -l)" = 4 ] || complain "not four units: $(ls "$tmp/units")"
verify() { SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no --recursive-errors=no "$@" 2>&1 | grep -F "$tmp/units"; }
for u in bdkd@load.service bdkd-people@load.socket bdkd-station@load.socket bdkd-acquirer@pay.socket; do
	said=$(verify "$tmp/units/$u")
	[ -z "$said" ] || complain "$said"
done
# Every socket that bdkd knows by name has its unit, which hands it over under that name and as records.
for s in people station acquirer; do
	u=$tmp/units/bdkd-$s@.socket
	grep -qx "FileDescriptorName=$s" "$u" && grep -q "^ListenSequentialPacket=.*/$s.sock$" "$u" || complain "$u"
done
# Broken twins: what systemd does not know, and a program that is not there, are noticed.
sed 's/^LimitCORE=.*/LimitCORES=0/' "$units/bdkd@.service" >"$tmp/units/bdkd@.service"
[ -n "$(verify "$tmp/units/bdkd@load.service")" ] || complain "the broken twins were not caught"
cp "$units/bdkd@.service" "$tmp/units/"
# "bdkd@load.service" has to be a file to be weighed.
cp "$units/bdkd@.service" "$tmp/units/bdkd-weighed.service"
exposed() { SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze security --offline=true --no-pager "$1" 2>/dev/null | sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p'; }
level=$(exposed "$tmp/units/bdkd-weighed.service")
echo "exposure $level of 10"
[ -n "$level" ] && [ "$(printf '%s\n2.0\n' "$level" | sort -g | tail -n 1)" = 2.0 ] || complain "exposed: '$level'"
exit $fail
