# Sourced by every suite that needs the board: builds the firmware, or says what is missing. That fails where the tools
# should have been there: under CI, and where `make deps` was allowed to install them. Else the suite did not run.
missing=
for tool in arm-none-eabi-gcc qemu-system-arm flock; do
	command -v $tool >/dev/null || missing="$missing $tool"
done
why=$(
	[ -z "$missing" ] || { echo "not installed:$missing"; exit 1; }
	env -u MAKEFLAGS -u MAKELEVEL make -s firmware "$@" 2>&1
) || {
	echo "NOT RUN: there is no board: $why"
	[ "${CI:-}" = true ] || [ "${DEPS:-yes}" != no ] && exit 1
	exit 77
}
