#!/bin/bash
# A production KIF: three rooms, each with a user and custodians of its own, unlocked by these from pseudo-terminals; one
# terminal loaded and its transactions recovered; locked, refused, changed hands. Several users need root, here or in a user
# namespace.
set -u
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; exit 1; }
OWNER=60010 PEOPLE=60020 STATION=60021 ACQUIRER=60022 ANNA=60031 BERT=60032 CARL=60033 DORA=60034 OTHER=60040
as() { local u=$1; shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/lib/type.exp "$WORK" && mkdir -m 755 "$WORK/rooms" "$WORK/said" &&
	chown $OWNER "$WORK/rooms" || exit 1
BIN=$WORK/bin R=$WORK/rooms SAID=$WORK/said
# A production room locks its memory: by its limit, or else by the one capability that this takes.
OWN=
ulimit -l unlimited 2>/dev/null || OWN='--inh-caps +ipc_lock --ambient-caps +ipc_lock'
own() { setpriv --reuid=$OWNER --regid=$OWNER --clear-groups $OWN "$@"; }
own /usr/bin/python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mlockall(3) or not bytearray(200 << 20))' 2>/dev/null || {
	echo "200 MB of memory cannot be locked here: raise the limit (ulimit -l), or run this as root"
	exit 77
}

# type UID LINES COMMAND...: LINES as "PROMPT<tab>ANSWER", what the terminal showed in $WORK/shown and kept for the search
# for secrets
type() {
	local u=$1
	printf '%b\n' "$2" >"$WORK/lines"
	shift 2
	$([ $u = $OWNER ] && echo own || echo "as $u") expect -f "$WORK/type.exp" "$WORK/lines" "$@" >"$WORK/shown" 2>&1
	local status=$?
	rm -f "$WORK/lines"
	cat "$WORK/shown" >>"$SAID/terminals"
	return $status
}
PHRASE_anna='anna goes to sea 1' PHRASE_bert='bert has two cats' PHRASE_carl='carl: never on Monday' PHRASE_dora='dora, much later'
birth() { # NAME...: what custodians type at a room's birth
	local n text=
	for n; do eval "p=\$PHRASE_$n"; text="${text:+$text\n}New passphrase of $n\t$p\nNew passphrase of $n, again\t$p"; done
	printf %s "$text"
}
# bear NAME PURPOSE: a production room, its users named
bear() {
	type $OWNER "$(birth anna bert carl)" "$BIN/bdk" init "$R/$1" --purpose "$2" --name "$1" --accept-software-token \
		--custodians anna=$ANNA,bert=$BERT,carl=$CARL --threshold 2 || { cat "$WORK/shown"; return 1; }
	sed -i "s/^people-user = .*/& $PEOPLE/" "$R/$1/room.conf" &&
	case $2 in
	load) echo "station-user = $STATION" >>"$R/$1/room.conf" ;;
	acquirer) echo "acquirer-user = $ACQUIRER" >>"$R/$1/room.conf" ;;
	esac
	echo "user = $OWNER" >>"$R/$1/room.conf"
}
# unlock ROOM NAME [PASSPHRASE]: from the custodian's own login
unlock() {
	local uid name=$2 phrase
	eval "uid=\$${name^^} phrase=\$PHRASE_$name"
	type "$uid" "Your passphrase\t${3-$phrase}" "$BIN/bdk" unlock --room "$R/$1"
}
for r in ca load acquirer; do
	bear $r $r || die "init $r"
	start $r "bdkd: serving" own "$BIN/bdkd" --room "$R/$r" || die "bdkd $r"
	grep -q 'locked: its custodians' "$WORK/$r.log" || complain "$r does not say that it is locked"
	unlock $r anna && grep -q "1 of 2; the room is still locked" "$WORK/shown" || complain "$r by anna: $(cat "$WORK/shown")"
	unlock $r bert && grep -q "2 of 2; the room is unlocked" "$WORK/shown" || complain "$r by bert: $(cat "$WORK/shown")"
done
exit $fail
