# Rooms for tests/people/kills.py in WORK, by tools/rooms.sh: a load room with two key sets, leases to accept, and two terminals.
# The people are kills.py's.
KILLS_UIDS=$(seq -s ' ' 60021 60028)
kills_world() {
	local i
	chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && three_rooms || return
	for i in 'FFFF111111 tdes' '22222222 aes128'; do
		set -- $i
		"$BIN/bdk" generate --room "$WORK/load" --scheme $2 --id $1 --for "$WORK/acquirer.crt" --out "$WORK/$1.krx" >/dev/null 2>&1 &&
			lease $1 $2 0-49999 || return
	done
	mkdir "$WORK/leases"
	for i in $(seq 1 20); do
		"$BIN/bdk" lease --room "$WORK/ca" --key-set 22222222 --scheme aes128 --count 5 --for "$WORK/load.crt" |
			sed '/^#/d;/^-/d' | base64 -d >"$WORK/leases/$i" || return
	done
	openssl x509 -in "$WORK/acquirer.crt" -outform DER -out "$WORK/acquirer.der" || return
	for i in 1 2; do
		boot t$i TC-$i ca "unix:$WORK/t$i.link" && enrol t$i TC-$i ca "unix:$WORK/t$i.link" >/dev/null 2>&1 || return
		echo "TC-$i unix:$WORK/t$i.link"
	done >"$WORK/terminals"
	"$BIN/bdk" audit key --room "$WORK/load" >"$WORK/records.pem" 2>/dev/null &&
		"$BIN/bdk" audit head --room "$WORK/load" >"$WORK/head" || return
	stop load
	stop acquirer
	printf 'people-user = %s\napprove-seconds = 120\nhead-records = 20\n' "$KILLS_UIDS" >>"$WORK/load/room.conf"
}
