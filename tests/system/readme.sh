#!/bin/bash
# README's commands, as they stand there, end with the PIN at the acquirer.
set -u
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
top=$PWD
sed -n '/^```sh$/,/^```$/p' README.md | sed '/^```/d' >"$work/commands"
[ "$(wc -l <"$work/commands")" -gt 20 ] || { echo "README.md has no commands"; exit 1; }
cd "$work" && PATH=$top/$B/bin:$PATH timeout 60 bash -e commands >out 2>err
grep -qx 'pin = 1234' out && grep -qx 'mac_verdict = ok' out && grep -qx 'data_clear = track two' out || { cat out err; exit 1; }
# What README says of make is true.
cd "$top"
for target in $(grep -oE '(`|^    )make [a-z]+' README.md | grep -oE '[a-z]+$' | sort -u); do
	grep -q "^$target:" Makefile || { echo "README names make $target"; exit 1; }
done
