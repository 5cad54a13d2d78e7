#!/bin/bash
# Real drivers: a Debian kernel in QEMU runs bdkd, bdk, kif, pos and acquirer with libserialport, no shim, on a 16550A and on FTDI
# adapters that are wired to the Cortex-M image: enrol, inject, sell, recover. Twice: link on the one and till on the other.
set -u
. tests/board/need.sh
. tests/vm/root.sh

# --- A root of the programs and what they load -----------------------------------------------------------------------------
root_begin
mkdir -p "$R/modules" "$R/keyroom/bin" "$R/keyroom/tools"
cp tests/vm/init "$R/init"
cp "$B"/bin/{bdkd,bdk,kif,pos,acquirer} "$R/keyroom/bin"
cp tools/rooms.sh "$R/keyroom/tools" && cp Makefile "$R/keyroom"
for m in usb-common usbcore uhci-hcd usbserial ftdi_sio; do
	find $KERNEL/lib/modules -name "$m.ko" -exec cp {} "$R/modules" \; && [ -f "$R/modules/$m.ko" ] || die "no module $m"
done
for f in "$B"/bin/{bdkd,bdk,kif,pos,acquirer}; do
	for l in $(ldd "$f" | grep -oE '/[^ ]+'); do take "$l"; done
done
root_end

# --- The machine, and when it knows the root of enrolment the two terminals ------------------------------------------------
wire() { echo "-chardev socket,id=$1,path=$WORK/$2,reconnect=1"; }
mkfifo "$WORK/person.in" "$WORK/person.out"
# shellcheck disable=SC2046
qemu-system-x86_64 -M pc -accel tcg -m 768 -display none -nodefaults -no-reboot -kernel $KERNEL/boot/vmlinuz-* -initrd "$WORK/initrd" \
	-append "console=ttyS0 quiet panic=-1 rdinit=/init" -usb \
	-chardev "file,id=console,path=$WORK/console" -chardev "pipe,id=person,path=$WORK/person" \
	$(wire l1 a.link) $(wire t1 a.till) $(wire l2 b.link) $(wire t2 b.till) \
	-serial chardev:console -serial chardev:l1 -serial chardev:person -serial chardev:t2 \
	-device usb-serial,chardev=t1,port=1,always-plugged=on -device usb-serial,chardev=l2,port=2,always-plugged=on >"$WORK/qemu.log" 2>&1 &
VM=$!
PIDS="$PIDS $VM"
# Both ends are held here too: a machine that ends at once leaves nobody waiting for it.
exec 3<>"$WORK/person.out" 4<>"$WORK/person.in"
while kill -0 $VM 2>/dev/null; do
	read -r -t 1 said what <&3 || continue
	case $said in
	ROOT)
		for t in a:TC-16550 b:TC-FTDI; do
			tools/board --nv "$WORK/${t%:*}.nv" --link "unix:$WORK/${t%:*}.link" --till "unix:$WORK/${t%:*}.till" \
				--serial "${t#*:}" --root "$what" --display "$WORK/${t#*:}.display" >"$WORK/${t%:*}.log" 2>&1 3<&- 4>&- &
			PIDS="$PIDS $!"
			until grep -q '^READY' "$WORK/${t%:*}.log" 2>/dev/null; do
				kill -0 $! 2>/dev/null || die "the board did not start: $(cat "$WORK/${t%:*}.log")"
				sleep 0.05
			done
		done
		echo READY >&4
		;;
	ENROL)
		until grep -q '^SPKI ' "$WORK/$what.display" 2>/dev/null; do
			kill -0 $VM 2>/dev/null || die "the machine has ended"
			sleep 0.05
		done
		sed -n 's/^SPKI //p' "$WORK/$what.display" | tail -n 1 >&4
		;;
	esac
done
wait $VM
tr -d '\r' <"$WORK/console" | grep -E '^LOADED|16550A|FTDI|^ALL|^FAILED' | sed 's/^/  /'
grep -q '^ALL DONE' "$WORK/console" && [ "$(grep -c '^LOADED' "$WORK/console")" = 4 ] || die "not all done: $(cat "$WORK/qemu.log")"
for t in TC-16550 TC-FTDI; do
	[ "$(grep -c '^SLOT [01] LOADED' "$WORK/$t.display")" = 2 ] || die "$t does not show two loads"
done
