#!/bin/bash
# tests/long/kills.sh [KILLS [SEED]]: tests/system/kills.sh with 500 kills, each 125 of them in rooms of their own.
set -u
KILLS=${1:-500} SEED=${2:-$RANDOM} TWINS=yes
while [ "$KILLS" -gt 0 ]; do
	KILLS=$((KILLS < 125 ? KILLS : 125)) SEED=$SEED TWINS=$TWINS tests/system/kills.sh || exit
	KILLS=$((KILLS - 125)) SEED=$((SEED + 1)) TWINS=no
done
