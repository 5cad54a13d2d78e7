#!/bin/bash
# The whole main job with its terminals on a Cortex-M4: the same programs and the same checks as in demo.sh, window.sh,
# response.sh, refused.sh and sales.sh. Then what tools/board has for itself: the tamper switch, one QEMU a memory, and one line for
# whatever is wrong; noise on its lines.
set -u
. tests/board/need.sh
for suite in demo window response refused sales; do
	COUNT=9 BOARD=mps2-an386 tests/system/$suite.sh || exit 1
done
WORK=$(mktemp -d) BOARD=mps2-an386 fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
root_of() { printf '%064d' 0; }

boot t TC-1 - "unix:$WORK/t.link" || exit 1
tools/board --tamper "$WORK/t.nv"
for i in $(seq 400); do grep -q '^TAMPERED' "$WORK/t.display" && break; sleep 0.05; done
grep -q '^TAMPERED' "$WORK/t.display" || complain "an open switch is not noticed"
[ -z "$(head -c 32 "$WORK/t.nv" | tr -d '\0')" ] || complain "its store key is not wiped"
# refused STATUS WORDS OPTION...: with one line that says so
refused() {
	local status=$1 words=$2
	shift 2
	tools/board "$@" >"$WORK/out" 2>&1 </dev/null
	[ $? = "$status" ] && [ "$(wc -l <"$WORK/out")" = 1 ] && grep -q "$words" "$WORK/out" ||
		complain "board $*: not $status and '$words' but: $(cat "$WORK/out")"
}
good="--link unix:$WORK/l --till unix:$WORK/p --serial TC-1 --root $(root_of)"
refused 75 'another process' --nv "$WORK/t.nv" $good
stop t
start t TAMPERED "$TERMINAL" --nv "$WORK/t.nv" $good || complain "it does not say so when it is powered on again"
stop t
python3 tests/board/noise.py "$WORK" 60000 || complain "noise" # tests/long/board.sh: 700,000
refused 64 'needed' --nv "$WORK/u.nv"
refused 64 'no such option' --novram "$WORK/u.nv"
refused 64 'serial number' --nv "$WORK/u.nv" ${good/TC-1/TC_1}
refused 64 'digest' --nv "$WORK/u.nv" ${good%0}
refused 64 'none of' --nv "$WORK/u.nv" ${good/unix:/usb:}
refused 74 'cannot be' --nv "$WORK/no/u.nv" $good
refused 66 'no such memory' --tamper "$WORK/u.nv.missing"
refused 66 'no such memory' --press "$WORK/u.nv.missing"
refused 64 'always or key' --nv "$WORK/u.nv" $good --loading never
ELF=$WORK/none refused 66 'make firmware' --nv "$WORK/u.nv" $good

# Both lines as pseudo-terminals, each behind its own name: the till's answers a till.
start t READY "$TERMINAL" --nv "$WORK/v.nv" ${good//unix:/pty:} && timeout 60 sh -c 'until [ -c "$1" ]; do sleep 0.02; done' - "$WORK/p" ||
	complain "no pseudo-terminals"
tty=$(readlink -f "$WORK/p")
printf 'pan = 4111111111111111\npin = 1234\namount = 1\ndata = x\n' |
	LD_PRELOAD=$SHIM KEYROOM_TTY_SHIM=$tty "$BIN/pos" --till "$tty:115200" --slot 0 >"$WORK/out" 2>&1
[ $? = 69 ] && grep -q 'no key' "$WORK/out" && [ -c "$WORK/l" ] || complain "the till on a pseudo-terminal: $(cat "$WORK/out")"
exit $fail
