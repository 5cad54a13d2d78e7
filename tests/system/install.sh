#!/bin/bash
# What make install puts in place can be used: the programs and man pages are there, and ten lines of C that know nothing
# but pkg-config derive a published key with the installed library and headers.
set -u
tmp=$(mktemp -d) fail=0
trap 'rm -rf "$tmp"' EXIT
complain() { echo "$*"; fail=1; }

DEPS=no make -s --no-print-directory B="$B" DESTDIR="$tmp" PREFIX=/opt/keyroom install >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
top=$tmp/opt/keyroom
for f in bin/bdkd bin/kif bin/terminal share/man/man1/bdk.1 lib/libkeyroom-dukpt.a include/keyroom/dukpt/ksn.h; do
	[ -s "$top/$f" ] || complain "$f is not installed"
done

cat >"$tmp/ten.c" <<'END'
#include <dukpt/host.h>
#include <string.h>
int main(void)
{
	static const uint8_t want[] = { 0x04, 0x26, 0x66, 0xB4, 0x91, 0x84, 0xCF, 0xA3 };
	struct key ik = { { 0x6A, 0xC2, 0x92, 0xFA, 0xA1, 0x31, 0x5B, 0x4D, 0x85, 0x8A, 0xB3, 0xA3, 0xD7, 0xD5, 0x93, 0x3A }, 16 };
	struct ksn k;
	struct key txn;
	if (ksn_parse(&k, "9876543210E00001") || dukpt_host_txn(&txn, &ik, DUKPT_TDES, &k))
		return 1;
	return memcmp(txn.b, want, sizeof want) != 0;
}
END
export PKG_CONFIG_PATH=$top/lib/pkgconfig
args="--define-variable=prefix=$top"
pkg-config --validate keyroom-dukpt || complain "keyroom-dukpt.pc is not valid"
[ "$(pkg-config --modversion keyroom-dukpt)" = "$("$top/bin/bdk" --version | grep -oE '[0-9]+\.[0-9.]+[0-9]')" ] ||
	complain "the version of keyroom-dukpt.pc is not that of bdk"
# shellcheck disable=SC2046
cc -std=c17 -Wall -Wextra -Werror -o "$tmp/ten" "$tmp/ten.c" $(pkg-config $args --cflags --libs keyroom-dukpt) &&
	"$tmp/ten" || complain "a program of ten lines does not derive the published key"

# Each header stands on its own.
while read -r h; do
	echo "#include \"$h\"" | cc -std=c17 -Wall -Werror -fsyntax-only $(pkg-config $args --cflags keyroom-dukpt) -x c - ||
		complain "$h does not compile alone"
done < <(cd "$top/include/keyroom" && find . -name '*.h' | sed 's|^\./||')
exit $fail
