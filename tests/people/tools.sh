# What tests of people at people.sock share, by tools/rooms.sh.

# two_key_sets: three rooms in WORK; in the load room a TDES and an AES key set, with leases
two_key_sets() {
	local i
	three_rooms || return
	for i in 'FFFF111111 tdes' '22222222 aes128'; do
		set -- $i
		"$BIN/bdk" generate --room "$WORK/load" --scheme $2 --id $1 --for "$WORK/acquirer.crt" --out "$WORK/$1.krx" >/dev/null 2>&1 &&
			lease $1 $2 0-49999 || return
	done
	openssl x509 -in "$WORK/acquirer.crt" -outform DER -out "$WORK/acquirer.der"
}

# twin_bdkd OUT EXPRESSION: a bdkd whose rules that sed expression has changed
twin_bdkd() {
	local objects l
	sed "$2" bdk/rule.c >"$1.c" && ! cmp -s bdk/rule.c "$1.c" || { echo "the rules have no row to break"; return 1; }
	objects=$(for l in bdk bdk-client dukpt protocol crypto crypto-openssl base-host base; do echo "$B/lib/lib$l.a"; done)
	gcc -std=c17 -O1 -I. -D_GNU_SOURCE $(pkg-config --cflags libp11 p11-kit-1) -o "$1" "$B/bdk/bdkd.o" "$1.c" $objects \
		$(sed -n 's/^EXT_bdkd  *:= //p' Makefile)
}
ALONE='s/\({ OP_STATE, .*\),  *CUS | SUP }/\1, 0 }/' # one person suspends and resumes

# kills_world: for tests/people/kills.py, whose people they are: leases to accept, two terminals, and nobody serves the load room
kills_world() {
	local i
	chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && BIN=$WORK/bin && two_key_sets || return
	mkdir "$WORK/leases"
	for i in $(seq 1 20); do
		"$BIN/bdk" lease --room "$WORK/ca" --key-set 22222222 --scheme aes128 --count 5 --for "$WORK/load.crt" |
			sed '/^#/d;/^-/d' | base64 -d >"$WORK/leases/$i" || return
	done
	for i in 1 2; do
		boot t$i TC-$i ca "unix:$WORK/t$i.link" && enrol t$i TC-$i ca "unix:$WORK/t$i.link" >/dev/null 2>&1 || return
		echo "TC-$i unix:$WORK/t$i.link"
	done >"$WORK/terminals"
	"$BIN/bdk" audit key --room "$WORK/load" >"$WORK/records.pem" 2>/dev/null &&
		"$BIN/bdk" audit head --room "$WORK/load" >"$WORK/head" || return
	stop load
	stop acquirer
	printf 'people-user = %s\napprove-seconds = 120\nhead-records = 20\n' "$(seq -s ' ' 60021 60028)" >>"$WORK/load/room.conf"
}
