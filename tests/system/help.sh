#!/bin/bash
# Every program and command has --help and --version, and its man page names every option that --help names.
set -u
fail=0
complain() { echo "$*"; fail=1; }
page() { ls doc/man/"$1".[18] 2>/dev/null; }
# text PROGRAM: its man page as people read it; hyphenated words are joined again
text() { GROFF_NO_SGR=1 groff -mandoc -rHY=0 -Tascii "$(page "$1")" 2>/dev/null | sed 's/.\x08//g'; }

# check PROGRAM [COMMAND]
check() {
	local help option
	help=$("$B/bin/$1" ${2:+"$2"} --help) || complain "$* --help: status $?"
	[ -n "$help" ] || complain "$* --help prints nothing"
	for option in $(echo "$help" | grep -oE '^ +--[a-z-]+' | sort -u); do
		case $option in --help | --version) continue ;; esac
		text "$1" | grep -qE -- "$option([^a-z-]|$)" || complain "$(page "$1") does not name $option of $*"
	done
	[ -z "${2:-}" ] || text "$1" | grep -qw -- "$2" || complain "$(page "$1") does not name $2"
	"$B/bin/$1" ${2:+"$2"} --version | grep -q 'Keyroom) [0-9]' || complain "$* --version"
}
seen=0
for p in "$B"/bin/*; do
	p=$(basename "$p")
	[ -n "$(page "$p")" ] || { complain "$p has no man page"; continue; }
	[ -z "$(groff -mandoc -ww -Tascii "$(page "$p")" 2>&1 >/dev/null)" ] || complain "$(page "$p") has errors"
	"$B/bin/$p" --help >/dev/null || complain "$p --help"
	"$B/bin/$p" --version | grep -q "^$p (Keyroom) [0-9]" || complain "$p --version"
	commands=$("$B/bin/$p" --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	case $("$B/bin/$p" --help | head -n 1) in
	*COMMAND*) for c in $commands; do check "$p" "$c"; seen=$((seen + 1)); done ;;
	*) check "$p"; seen=$((seen + 1)) ;;
	esac
done
[ $seen -ge 20 ] || complain "only $seen commands were looked at"
# Broken twin: an option that no page has is missed.
! text kif | grep -qE -- "--no-such-option" || complain "the broken twin was not caught"
exit $fail
