#!/bin/bash
# The Arm build: what the terminal's code needs of its surroundings, and that it comes out the same wherever it is built.
set -u
. tests/board/need.sh
fail=0
complain() { echo "$*"; fail=1; }
arm=build/arm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# needs ARCHIVE...: symbols that are neither there, nor BearSSL's, nor mem*, nor the compiler's own arithmetic
needs() {
	local wanted given
	wanted=$(arm-none-eabi-nm -u "$@") && given=$(arm-none-eabi-nm --defined-only "$@") || { echo "a file that can be read"; return; }
	comm -23 <(sed -n 's/^ *U //p' <<<"$wanted" | sort -u) <(awk 'NF == 3 { print $3 }' <<<"$given" | sort -u) |
		grep -vE '^(br_[a-z0-9_]+|mem(cpy|move|set|cmp)|__aeabi_[a-z0-9]+)$'
}
libs=
for f in base crypto crypto-bearssl dukpt protocol terminal; do libs="$libs $arm/lib/lib$f.a"; done
# shellcheck disable=SC2086
extra=$(needs $libs)
[ -z "$extra" ] || complain "the terminal's code needs on Arm:" $extra
extra=$(needs $arm/lib/libbearssl.a)
[ -z "$extra" ] || complain "BearSSL needs on Arm:" $extra
arm-none-eabi-nm $arm/bin/keyroom.elf | grep -E ' (malloc|calloc|realloc|free|sbrk|_sbrk|printf|puts|abort|exit)$' &&
	complain "that is in the image"
for call in 'malloc(9)' 'puts("x")' 'strlen((char *)x)'; do
	echo "int twin(volatile void *x); char *malloc(int); int puts(char *); int strlen(char *);
		int twin(volatile void *x) { return *(volatile int *)x + (int)$call; }" |
		arm-none-eabi-gcc -ffreestanding -mcpu=cortex-m4 -mthumb -w -x c -c -o "$work/twin.o" - || complain "no twin"
	[ -n "$(needs "$work/twin.o")" ] || complain "the broken twin ($call) was not caught"
done
[ -n "$(needs $arm/lib/libbearssl.a "$work/missing.a" 2>/dev/null)" ] || complain "the broken twin (an archive that is missing) was not caught"

# Two folders, same bytes, with nothing taken from a cache
elsewhere="$work/a longer name"
mkdir -p "$elsewhere/build"
cp -r Makefile base crypto dukpt protocol terminal tools "$elsewhere"
cp -r build/bearssl "$elsewhere/build/bearssl"
(cd "$elsewhere" && CCACHE_DISABLE=1 env -u MAKEFLAGS -u MAKELEVEL make -s -j2 V=arm DEPS=no build/arm/bin/keyroom.elf) ||
	complain "it does not build in another folder"
cmp $arm/bin/keyroom.elf "$elsewhere/build/arm/bin/keyroom.elf" || complain "another folder gives another image"
exit $fail
