#!/bin/bash
# doc/ARCHITECTURE.md says how many lines run with the PIN: fewer than that do, and not many fewer. What reads certificates,
# requests and lists from outside is called by the parser alone, which never gets the PIN. Broken twins are caught.
set -u
fail=0
complain() { echo "$*"; fail=1; }

# What is published, and whether it is true of so many lines.
published=$(sed -n 's/^Fewer than \*\*\([0-9]*\),\([0-9]*\) lines\*\* run in a process that holds the PIN.*/\1\2/p' doc/ARCHITECTURE.md)
is_true() { [ -n "$published" ] && [ "$1" -lt "$published" ] && [ "$1" -ge $((published - 3000)) ]; }

files=$(tools/lines -v "$B") || exit 1
lines=$(echo "$files" | tail -1)
is_true "${lines%% *}" || complain "doc/ARCHITECTURE.md says fewer than $published, which is not so of $lines"
for f in bdk/worker.c bdk/server.c bdk/login.c bdk/token.c bdk/parser.c bdk/parser.h bdk/evident.c protocol/message.c; do
	echo "$files" | grep -q " $f\$" || complain "$f is not counted"
done
echo "$files" | grep -q ' bdk/pki_read.c$' && complain "bdk/pki_read.c is counted, which the parser alone runs"
for twin in $((published + 1)) $((published - 4000)) 0; do is_true "$twin" && complain "$twin lines would do too"; done

# readers OBJECT...: those that call a reader of X.509 from outside
readers() { nm -A -u "$@" | sed -nE 's/^([^:]*):.* (pki_(request|list)_read|cert_(verify|anchor|signed_by))$/\1/p' | sort -u; }
objects=$(ls "$B"/bdk/*.o)
out=$(readers $objects | grep -v -e '/bdk/parser\.o$' -e '/bdk/pki_read\.o$')
[ -z "$out" ] || complain "these read X.509 from outside beside the parser: $out"
readers $objects | grep -q '/bdk/parser\.o$' || complain "who reads X.509 from outside is not seen"
# Broken twin: a caller of them in the supervisor.
twin=$(mktemp -d)
trap 'rm -rf "$twin"' EXIT
printf 'int cert_verify(void); int f(void); int f(void) { return cert_verify(); }\n' >"$twin/x.c"
gcc -c -o "$twin/x.o" "$twin/x.c" && [ "$(readers "$twin/x.o")" = "$twin/x.o" ] || complain "the broken twin was not caught"
exit $fail
