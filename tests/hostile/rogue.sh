# For tests/system/rogue.sh and tests/long/rogue.sh: a load room, terminals that the rogue legitimately is, and forged ones.
# After tools/rooms.sh.

# rogue_rooms: rooms ca and load, three key sets (the last with ten ids), terminals RS-1 and RS-2 enrolled under keys of the
# rogue, and certificates that look like theirs
rogue_rooms() {
	local i subject
	room ca ca >/dev/null && serve ca && room load load >/dev/null && serve load || return
	certify ca load load || return
	for i in bank RS-1 RS-2 forger; do
		openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/$i.key" || return
	done
	openssl req -new -key "$WORK/bank.key" -subj /CN=Bank-0 -out "$WORK/bank.csr" &&
	"$BIN/bdk" certify --room "$WORK/ca" --role acquirer "$WORK/bank.csr" >"$WORK/bank.crt" || return
	set -- tdes FFFF111111 0-999 aes128 22222222 5-9999 tdes FFFF333333 20-29
	while [ $# -gt 0 ]; do
		"$BIN/bdk" generate --room "$WORK/load" --scheme "$1" --id "$2" --for "$WORK/bank.crt" \
			--out "$WORK/$2.krx" >/dev/null 2>&1 && lease "$2" "$1" "$3" || return
		shift 3
	done
	for i in RS-1 RS-2; do
		start "${i/-/}" "rogue: listening" "$TEST/tools/rogue" enrol --listen "$WORK/$i.link" --serial "$i" \
			--key "$WORK/$i.key" --cert "$WORK/$i.der" || return
		ln -sf "$WORK/${i/-/}.log" "$WORK/$i.display"
		enrol "$i" "$i" ca "unix:$WORK/$i.link" >/dev/null 2>"$WORK/said" || { cat "$WORK/said"; return 1; }
	done
	# A CA of the forger's with the device CA's name; the room's own certificate, whose key it has not; one of another CA
	subject=$(openssl x509 -inform DER -in "$WORK/RS-1.der" -noout -issuer -nameopt compat | sed 's/^issuer= *//')
	openssl req -x509 -new -key "$WORK/forger.key" -subj "$subject" -days 30 -out "$WORK/forger.crt" 2>/dev/null &&
	openssl req -new -key "$WORK/RS-1.key" -subj /CN=RS-1/serialNumber=RS-1 -out "$WORK/forged.csr" &&
	openssl x509 -req -in "$WORK/forged.csr" -CA "$WORK/forger.crt" -CAkey "$WORK/forger.key" -CAcreateserial -days 9 \
		-outform DER -out "$WORK/forged.der" 2>/dev/null &&
	openssl x509 -in "$WORK/load.crt" -outform DER -out "$WORK/kif.der" &&
	openssl x509 -in "$WORK/bank.crt" -outform DER -out "$WORK/exchange.der"
}

# rogue OPTION...: the attack
rogue() {
	"$TEST/tools/rogue" attack --room "$WORK/load" --set FFFF111111:0:999 --set 22222222:5:9999 --set FFFF333333:20:29 \
		--terminal "RS-1:$WORK/RS-1.key:$WORK/RS-1.der" --terminal "RS-2:$WORK/RS-2.key:$WORK/RS-2.der" \
		--forged "RS-1:$WORK/RS-1.key:$WORK/forged.der" --forged "RS-3:$WORK/forger.key:$WORK/RS-1.der" \
		--forged "KIF-1:$WORK/forger.key:$WORK/kif.der" --forged "Bank-0:$WORK/bank.key:$WORK/exchange.der" "$@"
}
