#!/bin/bash
# The long form of tests/system/rogue.sh: one attack after the other, each with a room and a seed of its own, for SECS (half an
# hour).
set -u
end=$((SECONDS + ${SECS:-1800})) fail=0
while [ $SECONDS -lt $end ]; do
	export SEED=$((RANDOM * 32768 + RANDOM)) ROUNDS=20000
	tests/system/rogue.sh || { echo "seed $SEED: failed"; fail=1; }
done
exit $fail
