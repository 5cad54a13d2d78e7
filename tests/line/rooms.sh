# For tests/system/line.sh and tests/long/line.sh: rooms and key sets, and the search of the taps. After tools/rooms.sh.

# line_rooms: rooms ca, load, acquirer; two key sets for an exchange key in software, whose BDKs this test can know, and two
# for the acquirer room
line_rooms() {
	three_rooms || return
	openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/bank.key" &&
	openssl req -new -key "$WORK/bank.key" -subj /CN=Bank-0 -out "$WORK/bank.csr" &&
	"$BIN/bdk" certify --room "$WORK/ca" --role acquirer "$WORK/bank.csr" >"$WORK/bank.crt" || return
	set -- tdes FFFF111111 bank aes128 22222222 bank aes128 44444444 acquirer tdes FFFF333333 acquirer
	while [ $# -gt 0 ]; do
		"$BIN/bdk" generate --room "$WORK/load" --scheme "$1" --id "$2" --for "$WORK/$3.crt" --out "$WORK/$2.krx" >/dev/null 2>&1 &&
			lease "$2" "$1" || return
		[ "$3" = bank ] || "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/$2.krx" >/dev/null || return
		shift 3
	done
}

# leak VERB OPERAND...: noise_leak on what was loaded here
leak() {
	local verb=$1
	shift
	"$TEST/tools/noise_leak" "$verb" --package "$WORK/FFFF111111.krx" --package "$WORK/22222222.krx" --key "$WORK/bank.key" \
		--loads "$WORK/loads" "$@"
}

# no_key_on_the_line: every load has its own initial key by the check value its terminal shows, and no tap holds one; each
# broken twin is caught
no_key_on_the_line() {
	local bad=0 t
	leak search "$WORK"/tap.* || { echo "a key on the line, or a wrong key in a terminal"; bad=1; }
	mkdir -p "$WORK/twins"
	leak plant "$WORK/twins" >/dev/null || bad=1
	for t in bytes-left bytes-right hex-upper hex-lower; do
		leak search "$WORK/twins/$t" >/dev/null 2>&1
		[ $? -eq 1 ] || { echo "the broken twin (a tap with a key, $t) was not caught"; bad=1; }
	done
	cp "$WORK/loads" "$WORK/loads.kept"
	sed '/^FFFF111111/{s/0$/1/;t;s/.$/0/}' "$WORK/loads.kept" >"$WORK/loads"
	leak search "$WORK/twins/bytes-left" >/dev/null 2>"$WORK/said"
	grep -q 'holds another key' "$WORK/said" || { echo "the broken twin (another check value) was not caught"; bad=1; }
	mv "$WORK/loads.kept" "$WORK/loads"
	return $bad
}
