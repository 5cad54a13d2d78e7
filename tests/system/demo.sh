#!/bin/bash
# The main job as a stranger runs it, with a PIN and a PAN that are not the defaults: they must come out at the acquirer,
# and no key may be in what is printed. Wrong PINs and PANs are refused before anything starts.
set -u
fail=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
PIN=907856 PAN=5555555551234567 tools/demo "$B" >"$out" 2>&1 || { fail=1; cat "$out"; }
[ "$(grep -c 'pin = 907856' "$out")" = 6 ] || { echo "the PIN did not come out six times"; fail=1; }
[ "$(grep -c 'mac_verdict = ok' "$out")" = 6 ] || { echo "not six good MACs"; fail=1; }
[ "$(grep -c 'before and after' "$out")" -ge 6 ] || { echo "not every refusal showed an unchanged state"; fail=1; }
[ "$(grep -c "firmware keyroom-${BOARD:-posix} " "$out")" -ge 3 ] || { echo "these terminals were not asked for"; fail=1; }
# 32 hexadecimal digits in a row could be a key; the only ones are SPKI digests, written in groups of four, and KSNs are shorter.
grep -nE '(^|[^0-9A-Fa-f])[0-9A-Fa-f]{32}([0-9A-Fa-f]{16}){0,2}([^0-9A-Fa-f]|$)' "$out" && { echo "that could be a key"; fail=1; }
echo 0123456789ABCDEF0123456789ABCDEF | grep -qE '(^|[^0-9A-Fa-f])[0-9A-Fa-f]{32}' || { echo "the pattern finds no key"; fail=1; }
for bad in 'PIN=12' 'PIN=1234567890123' 'PIN=12a4' 'PAN=411111111x111111' 'PAN=4111'; do
	env "$bad" tools/demo "$B" >"$out" 2>&1
	[ $? -eq 64 ] && [ "$(wc -l <"$out")" = 1 ] || { echo "$bad was not refused"; fail=1; }
done
exit $fail
