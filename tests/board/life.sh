# Sourced after tools/rooms.sh, with BOARD=mps2-an386: life NAME, a terminal with the probe that lives through everything that writes: enrolled,
# loaded with TDES and AES, sells with both, loses its power, is zeroized and loaded again. It runs on, with a monitor
# at WORK/NAME.qmp.
life() {
	local r
	three_rooms || return
	for r in 'tdes FFFF777777' 'aes128 77777777'; do
		"$BIN/bdk" generate --room "$WORK/load" --scheme ${r% *} --id ${r#* } --for "$WORK/acquirer.crt" \
			--out "$WORK/${r% *}.krx" >/dev/null 2>&1 && lease ${r#* } ${r% *} || return
	done
	export ELF=$PWD/build/arm/bin/keyroom-probe.elf QEMU_MORE="${QEMU_MORE:-} -qmp unix:$WORK/$1.qmp,server=on,wait=off"
	boot "$1" CUT-1 ca "unix:$WORK/$1.link" && enrol "$1" CUT-1 ca "unix:$WORK/$1.link" >"$WORK/out" 2>&1 &&
	inject CUT-1 0 FFFF777777 "unix:$WORK/$1.link" >"$WORK/out" 2>&1 &&
	inject CUT-1 1 77777777 "unix:$WORK/$1.link" >"$WORK/out" 2>&1 &&
	sell "$1" 0 && sell "$1" 1 && stop "$1" && boot "$1" CUT-1 ca "unix:$WORK/$1.link" &&
	"$BIN/kif" zeroize --room "$WORK/load" --port "unix:$WORK/$1.link" --serial CUT-1 --slot all --reason reload \
		--ledger "$WORK/kif.db" >"$WORK/out" 2>&1 &&
	inject CUT-1 0 FFFF777777 "unix:$WORK/$1.link" >"$WORK/out" 2>&1 && sell "$1" 0 || { cat "$WORK/out"; return 1; }
	unset ELF QEMU_MORE
}
# sell NAME SLOT: SALES sales, two unless told
sell() {
	printf 'pan = 4111111111111111\npin = 907856\namount = 1\ndata = track two\n' |
		"$BIN/pos" --till "unix:$WORK/$1.till" --slot "$2" --count "${SALES:-2}" >"$WORK/sale" 2>"$WORK/out"
}
