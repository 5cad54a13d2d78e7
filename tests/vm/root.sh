# What the virtual machines of this folder share: a Debian kernel, and a root of the programs and of what they load. Source it with
#   B      the build folder (build/gcc)
# WORK is an empty temporary folder, R the root in it; whoever is in PIDS is ended with the script.
WORK=$(mktemp -d) PIDS=
R=$WORK/root
trap 'kill $PIDS 2>/dev/null; wait 2>/dev/null; rm -rf "$WORK"' EXIT
die() { echo "$*"; tail -n "${TAIL:-25}" "$WORK/console" 2>/dev/null; exit 1; }
command -v qemu-system-x86_64 >/dev/null && command -v busybox >/dev/null || die "qemu-system-x86 or busybox-static is missing: make deps"
KERNEL=build/kernel
tests/vm/kernel $KERNEL || exit 1

# take FILE...: and every library they name
take() {
	local f l
	for f in "$@"; do
		for l in "$f" $(ldd "$f" 2>/dev/null | grep -oE '/[^ ]+'); do
			[ -e "$R$l" ] || { mkdir -p "$R${l%/*}" && cp -L "$l" "$R$l"; } || die "$l"
		done
	done
}

# root_begin: busybox, bash, the token's module, and a user root
root_begin() {
	mkdir -p "$R"/{usr/{bin,sbin,lib,lib64,lib/ssl},proc,sys,dev,tmp,root,etc,run,var}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$R"
	cp /bin/busybox "$R/bin"
	for a in $(busybox --list); do [ -e "$R/bin/$a" ] || ln -s busybox "$R/bin/$a"; done
	rm -f "$R/bin/bash"
	take /bin/bash /usr/lib/softhsm/libsofthsm2.so
	printf 'root:x:0:0:root:/root:/bin/bash\n' >"$R/etc/passwd"
	printf 'root:x:0:\n' >"$R/etc/group"
	cp /etc/ssl/openssl.cnf "$R/usr/lib/ssl" 2>/dev/null
}

# root_end: what the kernel is given as its initrd
root_end() { (cd "$R" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$WORK/initrd" || die "no initrd"; }
