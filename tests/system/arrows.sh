#!/bin/bash
# Who may include whom: the table of doc/ARCHITECTURE.md, held against the compiler's own dependency files, and the
# programs' symbols. Broken twins: a file that breaks a row, and a symbol that the station must not have, are caught.
set -u
fail=0
complain() { echo "$*"; fail=1; }

# folder: the prefixes that its files may reach, directly or through other headers
allowed() {
	case $1 in
	base/host) echo 'base/' ;;
	base) echo 'base/' ;;
	crypto | crypto/openssl | crypto/bearssl) echo 'base/ crypto/' ;;
	dukpt) echo 'base/ crypto/ dukpt/' ;;
	protocol) echo 'base/ crypto/ protocol/' ;;
	line) echo 'base/ line/ protocol/link.h' ;;
	bdk) echo 'base/ crypto/ dukpt/ protocol/ bdk/' ;;
	bdk/cli) echo 'base/ crypto/ protocol/ line/ bdk/cli/ bdk/client.h bdk/audit.h bdk/card.h bdk/ceremony.h bdk/destroyed.h bdk/seal.h bdk/pack.h bdk/record.h bdk/request.h bdk/probe.h' ;;
	kif) echo 'base/ line/ protocol/link.h bdk/client.h bdk/record.h bdk/request.h kif/' ;;
	terminal) echo 'base/ crypto/ dukpt/ protocol/ terminal/' ;;
	terminal/port/posix | terminal/port/mps2-an386) echo 'base/ crypto/ dukpt/ protocol/ terminal/' ;;
	pos) echo 'base/ line/ protocol/link.h protocol/slot.h terminal/till.h pos/' ;;
	lab) echo 'base/ crypto/ dukpt/ lab/' ;;
	acquirer) echo 'base/ bdk/client.h bdk/record.h bdk/request.h acquirer/' ;;
	*) return 1 ;;
	esac
}

# Folders that must not know a host: no base/host below them.
freestanding='base crypto crypto/bearssl dukpt protocol terminal terminal/port/mps2-an386'

# check FOLDER DEPFILE: print each header that breaks the row
check() {
	local ok h p
	for h in $(sed -e 's/[^ ]*://' -e 's/\\$//' "$2" | tr ' ' '\n' | grep '\.h$' | grep -v '^/' | sort -u); do
		ok=
		for p in $(allowed "$1"); do
			case $h in "$p"*) ok=1 ;; esac
		done
		case " $freestanding " in *" $1 "*) case $h in base/host/*) ok= ;; esac ;; esac
		[ -n "$ok" ] || echo "$2: $1 may not include $h"
	done
}

seen=0
while read -r dep; do
	folder=${dep#"$B"/}
	folder=$(dirname "${folder#build/arm/}")
	case $folder in tests/* | build/bearssl/*) continue ;; esac
	allowed "$folder" >/dev/null || { complain "$folder has no row"; continue; }
	out=$(check "$folder" "$dep")
	[ -z "$out" ] || complain "$out"
	seen=$((seen + 1))
done < <(find "$B" build/arm -name '*.d' 2>/dev/null)
[ $seen -ge 40 ] || complain "only $seen dependency files were read"

twin=$(mktemp)
trap 'rm -f "$twin"' EXIT
echo 'kif/x.o: kif/x.c dukpt/aes.h \' >"$twin"
[ -n "$(check kif "$twin")" ] || complain "the broken twin (kif includes dukpt/aes.h) was not caught"
echo 'dukpt/x.o: dukpt/x.c base/host/fail.h' >"$twin"
[ -n "$(check dukpt "$twin")" ] || complain "the broken twin (dukpt includes base/host) was not caught"

# What a program is made of: its own symbols and those it takes from shared libraries.
has() { nm -C "$1" 2>/dev/null | grep -qE " [TtUW] ($2)" ; }
derive='dukpt_|kbkdf|keywrap|aes_|des_ecb|des_cbc|p256_|worker_|token_'
for p in kif acquirer; do
	has "$B/bin/$p" "$derive" && complain "$p holds: $(nm "$B/bin/$p" | grep -E " [TtUW] ($derive)" | head -3)"
done
has "$B/bin/pos" "dukpt_|kbkdf|keywrap|worker_|token_" && complain "pos can derive"
has "$B/bin/terminal" "$derive" || complain "the broken twin (a program that does derive) was not caught"
for p in bdk kif acquirer terminal pos; do
	ldd "$B/bin/$p" | grep -qE 'p11|softhsm' && complain "$p loads PKCS#11"
done
ldd "$B/bin/bdkd" | grep -q libp11 || complain "the broken twin (bdkd does load PKCS#11) was not caught"
ldd "$B/bin/terminal" | grep -qE 'libssl|libcrypto' && complain "the terminal uses OpenSSL"

# Freestanding folders need nothing but mem*, each other, BearSSL, and what the compiler's own hardening adds.
libs=
for f in $freestanding; do [ "$f" = terminal/port/mps2-an386 ] || libs="$libs $B/lib/lib${f//\//-}.a"; done
needs() { nm -u "$@" 2>/dev/null | sed -n 's/^ *U //p' | sort -u; }
defined=$(nm --defined-only $libs 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
extra=$(comm -23 <(needs $libs) <(echo "$defined") |
	grep -vE '^(br_|mem(cpy|set|move|cmp)$|__mem[a-z]*_chk$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$|__(asan|ubsan|gcov|llvm))')
[ -z "$extra" ] || complain "freestanding code needs: $extra"
[ -n "$(comm -23 <(needs "$B/lib/libbase-host.a") <(echo "$defined") | grep -x getopt_long)" ] ||
	complain "the broken twin (base/host needs getopt_long) was not caught"

# No program makes a heap in the terminal's core.
needs $libs | grep -xE 'malloc|calloc|realloc|free' && complain "heap in freestanding code"
exit $fail
