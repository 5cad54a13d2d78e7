#!/bin/bash
# tests/long/survive.sh [KILLS [SEED]]: tests/system/survive.sh at every act, then KILLS (10,000) at random acts.
# SECS= bounds the random part: status 75 when they ran out before. FIGURES=FILE keeps the figures; with it the same
# command goes on where the last one stopped.
set -u
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. tests/survive/tools.sh
mkdir "$WORK/twins" "$WORK/matrix" "$WORK/random"
[ -z "${FIGURES:-}" ] || export KEYROOM_SURVIVE=$FIGURES
if [ ! -e "${FIGURES:-$WORK/none}" ]; then
	python3 -B tests/survive/survive.py twins "$WORK/twins" &&
	python3 -B tests/survive/survive.py matrix "$WORK/matrix" 1 || exit
fi
python3 -B tests/survive/survive.py random "$WORK/random" "${1:-10000}" "${2:-$RANDOM}"
