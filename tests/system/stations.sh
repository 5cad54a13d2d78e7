#!/bin/bash
# Device ids over the real sockets, by several stations at once, with workers and supervisor killed meanwhile
# (tests/bdk/stations.c): all distinct, every gap explained by a claim of a supervisor that was killed. LOADS=2000 KILLS=9.
set -u
out=$(mktemp) || exit 73
trap 'rm -f "$out"' EXIT
stations="$B/test/bdk/stations"
"$stations" "${LOADS:-2000}" "${KILLS:-9}" || exit 1
# A twin whose journal forgets a load while nobody serves it, and one that passes ids over, are found out.
for twin in 'repeated:id [0-9]* came 2 times' 'lost:id [0-9]* is neither a load nor skipped'; do
	"$stations" 240 2 "${twin%%:*}" >"$out" && { echo "the twin '${twin%%:*}' was not found out"; exit 1; }
	grep -qx "${twin#*:}" "$out" || { echo "the twin '${twin%%:*}' was found out by something else:"; cat "$out"; exit 1; }
	tail -n 1 "$out"
done
