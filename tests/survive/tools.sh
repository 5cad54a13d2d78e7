# Makes the shims of the survival tests in $WORK/tools; source it with WORK set.
export TOOLS=$WORK/tools
mkdir "$TOOLS" || exit 1
for shim in kill powercut; do
	gcc -std=c17 -O1 -fPIC -shared -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
		-Wmissing-prototypes -Wvla -Werror -o "$TOOLS/$shim.so" "tests/shim/$shim.c" -ldl || exit 1
done
