#!/bin/bash
# The units of systemd under a systemd that lives: a Debian kernel in QEMU whose PID 1 is the systemd of this machine's package
# runs what make install puts there. tests/vm/units-check is what happens in it.
set -u
TAIL=60
. tests/vm/root.sh
[ -x /usr/lib/systemd/systemd ] || die "systemd is missing: make deps"

root_begin
cp tests/vm/units-init "$R/init" && cp tests/vm/units-check "$R/check" || die "scripts"
DEPS=no make -s --no-print-directory B="$B" DESTDIR="$R" PREFIX=/usr/local install >"$WORK/log" 2>&1 || die "make install: $(cat "$WORK/log")"
for f in "$B"/bin/{bdkd,bdk}; do
	for l in $(ldd "$f" | grep -oE '/[^ ]+'); do take "$l"; done
done
rm -f "$R"/bin/{setpriv,stat,install}
take /usr/lib/systemd/{systemd,systemd-journald,systemd-shutdown} /usr/bin/{systemctl,journalctl,setpriv,stat,install}
mkdir -p "$R/usr/lib/systemd/system" "$R/etc/systemd/system"
for u in basic sysinit sockets local-fs local-fs-pre multi-user paths slices timers shutdown umount final poweroff swap; do
	cp "/usr/lib/systemd/system/$u.target" "$R/usr/lib/systemd/system" || die "$u.target"
done
cp /usr/lib/systemd/system/systemd-journald{.service,.socket,-dev-log.socket} "$R/usr/lib/systemd/system" || die "journald"
cat >"$R/etc/systemd/system/check.service" <<'X'
[Unit]
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
Type=oneshot
ExecStart=/check
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
X
cat >>"$R/etc/passwd" <<'X'
keyroom-load:x:901:901::/var/lib/keyroom/load:/bin/false
alice:x:1001:1001::/:/bin/false
bob:x:1002:1002::/:/bin/false
carol:x:1003:1003::/:/bin/false
X
cat >>"$R/etc/group" <<'X'
tty:x:5:
keyroom-load:x:901:
keyroom-people:x:902:alice,bob
keyroom-station:x:903:
keyroom-acquirer:x:904:
alice:x:1001:
bob:x:1002:
carol:x:1003:
X
: >"$R/etc/machine-id"
root_end
qemu-system-x86_64 -M pc -accel tcg -m 1024 -display none -nodefaults -no-reboot -kernel $KERNEL/boot/vmlinuz-* \
	-initrd "$WORK/initrd" -append "console=ttyS0 quiet panic=-1 rdinit=/init systemd.unit=check.service systemd.show_status=no" -serial "file:$WORK/console" >"$WORK/qemu.log" 2>&1 &
PIDS="$PIDS $!"
wait $!
tr -d '\r' <"$WORK/console" | grep -E '^[A-Z][A-Z ]+[A-Z] ' | sed 's/^/  /'
grep -q '^ALL DONE' "$WORK/console" || die "not all done: $(cat "$WORK/qemu.log")"
