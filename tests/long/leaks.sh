#!/bin/bash
# tests/system/leaks.sh for longer: ROUNDS terminals, stopped at other instants each time; the seed is printed.
set -u
export ROUNDS=${ROUNDS:-300} SEED=${SEED:-$(date +%s)}
echo "ROUNDS=$ROUNDS SEED=$SEED"
exec tests/system/leaks.sh
