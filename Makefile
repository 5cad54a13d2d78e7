# Keyroom. A folder is a static library; a program's row below is what it may use (doc/ARCHITECTURE.md).
# Variants: make V=gcc|clang|asan|fuzz|cov|arm, built under build/$V.

V       ?= gcc
B       := build/$V
VERSION := 0.1.0
PREFIX  ?= /usr/local

CC_gcc   := gcc
CC_clang := clang
CC_asan  := clang
CC_fuzz  := clang
CC_cov   := gcc
CC_arm   := arm-none-eabi-gcc
CC       := $(CC_$V)
ifeq ($(CC),)
$(error V=$V: no such variant; use gcc, clang, asan, fuzz, cov or arm)
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -D_FORTIFY_SOURCE=2
OPT_gcc   := -O2 $(HARD)
OPT_clang := -O2 $(HARD)
OPT_asan  := -O1 -fPIE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_fuzz  := -O1 -fPIE -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
OPT_cov   := -O0 -fPIE --coverage
# For the board: no C library (nor loops that become calls of one), and no path of this machine in what is built.
M4      := terminal/port/mps2-an386
BEARSSL := build/bearssl
OPT_arm := -Os -mcpu=cortex-m4 -mthumb -ffreestanding -fbuiltin -ffunction-sections -fdata-sections -fstack-usage \
	   -fcallgraph-info=su -fno-tree-loop-distribute-patterns '-ffile-prefix-map=$(CURDIR)=.' -isystem $(M4)/include \
	   -isystem $(BEARSSL)/inc
CFLAGS  := -std=c17 -g -I. -D_GNU_SOURCE -DKEYROOM_VERSION='"$(VERSION)"' \
	   -DKEYROOM_VECTORS='"$(PREFIX)/share/keyroom/vectors"' $(WARN) $(OPT_$V)
LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack $(OPT_$V)
ifeq ($V,arm)
# ccache gives back objects without their call graphs, which tools/size needs
export CCACHE_DISABLE := 1
LDFLAGS := $(OPT_arm) -nostdlib -Wl,--gc-sections -Wl,--build-id=none
else
CFLAGS  += $(shell pkg-config --cflags libp11 p11-kit-1 libcrypto sqlite3 libserialport inih jansson check 2>/dev/null)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

# --- Libraries: one a folder -------------------------------------------------------------------------------------------
FOLDERS := base base/host crypto crypto/openssl crypto/bearssl dukpt protocol line bdk bdk/cli bdk/client kif terminal \
	   terminal/port/posix $(M4) pos acquirer lab tests/lib
MAINS   := bdk/bdkd.c bdk/cli/bdk.c kif/kif.c terminal/port/posix/main.c $(M4)/start.c pos/pos.c acquirer/acquirer.c \
	   lab/lab.c
CLIENT  := bdk/client.c bdk/record.c bdk/probe.c bdk/pack.c bdk/seal.c bdk/audit.c bdk/ceremony.c bdk/destroyed.c bdk/card.c

src = $(filter-out $(MAINS) $(CLIENT),$(wildcard $1/*.c))
lib = $(B)/lib/lib$(subst /,-,$1).a
define library
$(call lib,$1): $$(patsubst %.c,$(B)/%.o,$$(if $$(filter bdk/client,$1),$(CLIENT),$$(call src,$1)))
endef
$(foreach f,$(FOLDERS),$(eval $(call library,$f)))
# what others may link: DUKPT and what it stands on
SDK := base crypto crypto/openssl dukpt
$(B)/lib/libkeyroom-dukpt.a: $(foreach f,$(SDK),$(patsubst %.c,$(B)/%.o,$(call src,$f)))

# --- Programs: what each may use, most dependent first -----------------------------------------------------------------
PROGRAMS := bdkd bdk kif terminal pos acquirer lab
USE_bdkd     := bdk bdk/client dukpt protocol crypto crypto/openssl base/host base
EXT_bdkd     := -lp11 -lp11-kit -lcrypto -lsqlite3 -linih -lseccomp -lacl -lgfshare -lbsd -ldl
USE_bdk      := bdk/cli bdk/client line protocol crypto crypto/openssl base/host base
EXT_bdk      := -lserialport -ljansson -lcrypto -lbsd
USE_kif      := kif bdk/client line protocol base/host base
EXT_kif      := -lserialport -ljansson -lsqlite3
USE_terminal := terminal/port/posix terminal dukpt protocol crypto crypto/bearssl base/host base
EXT_terminal := -lbearssl
USE_pos      := pos terminal line protocol base/host base
EXT_pos      := -lserialport
USE_acquirer := acquirer bdk/client base/host base
EXT_acquirer := -ljansson
USE_lab      := lab dukpt crypto crypto/openssl base/host base
EXT_lab      := -lcrypto
MAIN_bdkd := bdk/bdkd
MAIN_bdk := bdk/cli/bdk
MAIN_kif := kif/kif
MAIN_terminal := terminal/port/posix/main
MAIN_pos := pos/pos
MAIN_acquirer := acquirer/acquirer
MAIN_lab := lab/lab
define program
$(B)/bin/$1: $(B)/$(MAIN_$1).o $(foreach f,$(USE_$1),$(call lib,$f))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$^ $(EXT_$1)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$p)))

# --- The board: the terminal again, but for its port, and BearSSL from source --------------------------------------------
USE_m4 := terminal dukpt protocol crypto crypto/bearssl base
BEAR := codec/ccopy codec/???32be ec/ec_p256_m31 ec/ec_secp* ec/ecdsa_i31_*_raw hash/sha2small int/i31_* \
	int/i32_div32 mac/hmac rand/hmac_drbg symcipher/aes_ct_* symcipher/?es_ct symcipher/des_ct_* symcipher/des_support
$(B)/lib/libbearssl.a: CFLAGS += -w -I$(BEARSSL)/src
$(B)/lib/libbearssl.a: $(patsubst %.c,$(B)/%.o,$(wildcard $(BEAR:%=$(BEARSSL)/src/%.c)))
# The probe is the same objects with tests/board/probe.c around some of their calls.
PROBED := board_store store_commit link_take firmware_start krd_answer trade_answer trade_tick dukpt_registers_take \
	  dukpt_registers_load
WRAP_keyroom-probe := $(PROBED:%=-Wl,--wrap=%)
$(B)/bin/keyroom-probe.elf: $(B)/tests/board/probe.o
# An image of its own: tests/board/counts.c has another main().
$(B)/bin/counts.elf: $(B)/tests/board/counts.o
# For skips: RAM in the memory that the host shares; and the twin that decides by one branch.
SCRIPT_keyroom-skips := $(B)/tests/board/shared.ld
SCRIPT_keyroom-unhardened := $(SCRIPT_keyroom-skips)
$(B)/bin/keyroom-skips.elf $(B)/bin/keyroom-unhardened.elf: $(SCRIPT_keyroom-skips)
$(B)/bin/keyroom-unhardened.elf: $(B)/tests/board/unhardened.o
WRAP_keyroom-unhardened := -Wl,--wrap=store_emptied
$(SCRIPT_keyroom-skips): $(M4)/board.ld
	@mkdir -p $(@D)
	@sed 's/ORIGIN = 0x20000000/ORIGIN = 0x21800000/' $< >$@
$(B)/bin/%.elf: $(B)/$(M4)/start.o $(foreach f,$(M4) $(USE_m4),$(call lib,$f)) $(B)/lib/libbearssl.a $(M4)/board.ld
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(WRAP_$*) -Wl,-T,$(or $(SCRIPT_$*),$(M4)/board.ld) -Wl,-Map,$(@:.elf=.map) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lgcc

# --- Tests: tests/AREA/NAME_test.c is a Check program; tests/AREA/NAME_fuzz.c a fuzz target; tests/tools/NAME.c a tool -------
AREAS := base crypto dukpt protocol line bdk kif terminal acquirer lab
T_base     := base/host base
T_crypto   := crypto crypto/BACKEND base/host base
T_dukpt    := dukpt crypto crypto/BACKEND base/host base
T_protocol := protocol crypto crypto/bearssl base/host base
T_line     := line protocol base/host base
T_bdk      := bdk bdk/client dukpt protocol crypto crypto/openssl base/host base
T_kif      := kif bdk/client line protocol base/host base
T_terminal := terminal dukpt protocol crypto crypto/bearssl base/host base
T_acquirer := acquirer bdk/client base/host base
T_lab      := lab dukpt crypto crypto/openssl base/host base
T_ctime    := bdk $(T_dukpt)
T_independent := $(T_dukpt)
T_long     := $(T_dukpt)
T_tools    := line protocol crypto crypto/openssl base/host base
TEST_EXT := -lcheck -lsubunit -lrt -lm -lpthread -lp11 -lp11-kit -lcrypto -lsqlite3 -linih -lserialport -ljansson -lbearssl -lseccomp -lacl -lgfshare -lbsd -ldl
# area, back end, program suffix, source suffix, extra flags
define testrule
$(B)/test/$1/%$3: $(B)/tests/$1/%.o $(foreach f,tests/lib $(subst BACKEND,$2,$(T_$1)),$(call lib,$f))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) $$(if $$(findstring _fuzz,$$@),$(FUZZER)) -o $$@ $$^ $(TEST_EXT)
endef
FUZZER := $(if $(filter fuzz,$V),-fsanitize=fuzzer,$(B)/tests/lib/fuzz_main.o)
BACKENDS := openssl bearssl
$(foreach a,$(filter-out crypto dukpt,$(AREAS)) tools independent long,$(eval $(call testrule,$a,openssl,)))
$(eval $(call testrule,ctime,bearssl,))
$(foreach a,crypto dukpt,$(foreach b,$(BACKENDS),$(eval $(call testrule,$a,$b,.$b))))
tests_of = $(patsubst tests/%.c,$(B)/test/%,$(wildcard tests/$1/*_$2.c))
UNIT := $(foreach a,$(filter-out crypto dukpt,$(AREAS)),$(call tests_of,$a,test)) \
	$(foreach b,$(BACKENDS),$(addsuffix .$b,$(call tests_of,crypto,test) $(call tests_of,dukpt,test)))
FUZZ := $(foreach a,$(filter-out crypto dukpt,$(AREAS)),$(call tests_of,$a,fuzz)) \
	$(addsuffix .bearssl,$(call tests_of,crypto,fuzz) $(call tests_of,dukpt,fuzz))
TOOLS := $(patsubst tests/tools/%.c,$(B)/test/tools/%,$(wildcard tests/tools/*.c)) $(B)/test/tty-shim.so $(B)/test/tools/lab-bearssl $(B)/test/bdk/stations
ALGORITHMS := $(B)/test/ctime/ctime $(B)/test/independent/driver $(B)/test/long/registers
SYSTEM := $(wildcard tests/system/*.sh)

# --- Rules -------------------------------------------------------------------------------------------------------------
$(B)/%.o: %.c $(if $(filter arm,$V),Makefile)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar qcs $@ $^
$(B)/test/tools/lab-bearssl: $(B)/lab/lab.o $(foreach f,lab dukpt crypto crypto/bearssl base/host base,$(call lib,$f))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lbearssl
$(B)/test/tty-shim.so: tests/shim/tty.c
	@mkdir -p $(@D)
	gcc -std=c17 -O2 -fPIC -shared -D_GNU_SOURCE $(WARN) -o $@ $< -ldl
-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: help deps firmware size all demo check check-long check-vm bench ctime cover cover-build unit fuzz-build fuzz asan clang install clean lint format
help:		## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
deps:		## install what is missing of Debian's packages (DEPS=no skips it)
	@tools/deps
programs: $(addprefix $(B)/bin/,$(PROGRAMS))
firmware: deps	## build the terminal for a Cortex-M4: build/arm/bin/keyroom.elf
	@tools/bearssl $(BEARSSL)
	@$(MAKE) --no-print-directory -s -j$$(nproc) V=arm $(patsubst %,build/arm/bin/%.elf,keyroom keyroom-probe keyroom-skips keyroom-unhardened counts)
size: firmware	## flash, static RAM and worst stack of the Arm build, a module each, against terminal/size.txt
	@tools/size
all: deps	## build every program into build/gcc/bin
	@$(MAKE) --no-print-directory -j$$(nproc) programs
demo: deps $(if $(filter-out posix,$(BOARD)),firmware)	## from a blank token to a recovered PIN (PIN=1234 PAN=4111111111111111 BOARD=posix|mps2-an386)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs $(TOOLS)
	@PIN='$(PIN)' PAN='$(PAN)' BOARD='$(BOARD)' tools/demo $(B)
unit: $(UNIT) $(FUZZ) $(TOOLS) programs $(ALGORITHMS)
check: deps	## build and pass every test
	@$(MAKE) --no-print-directory -s -j$$(nproc) unit
	@$(MAKE) --no-print-directory -s -j$$(nproc) V=clang unit
	@tests/run $(B) $(UNIT) $(addprefix fuzz:,$(FUZZ)) $(SYSTEM)
asan: deps	## the unit tests and fuzz corpora under address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory -s -j$$(nproc) V=asan unit
	@$(MAKE) --no-print-directory -s V=asan asan-run
asan-run: # not the walls: behind them a sanitizer may not do what it reports with
	@tests/run $(B) $(filter-out %/wall_test,$(UNIT)) $(addprefix fuzz:,$(FUZZ))
ctime: deps	## branches and indices that depend on keys or PINs, by valgrind
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(B)/test/ctime/ctime
	@tools/ctime $(B)/test/ctime/ctime
cover: deps	## line and branch coverage of dukpt/: 100 %, or it fails
	@$(MAKE) --no-print-directory -s -j$$(nproc) V=cov cover-build
	@tools/cover build/cov
cover-build: $(addsuffix .openssl,$(call tests_of,dukpt,test))
check-long: deps	## the long runs: every key, every byte, random kills, an hour of noise (SECS=3600): hours
	@$(MAKE) --no-print-directory -s -j$$(nproc) unit
	@LIMIT=14400 tests/run $(B) $(wildcard tests/long/*.sh)
check-vm: deps	## a Debian kernel: with serial drivers wired to the Cortex-M4's firmware; with systemd, which runs the units
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@LIMIT=1200 tests/run $(B) tests/vm/run.sh tests/vm/units.sh
bench: deps firmware	## a load by part, loads a second, instructions on the Cortex-M4; ratios, and JSON (BENCH_LOADS=2000)
	@$(MAKE) --no-print-directory -s -j$$(nproc) unit
	@tools/bench $(B)
	@tools/bench-board $(B)
SECS ?= 60
fuzz: deps	## fuzz every parser for SECS=60 seconds each
	@$(MAKE) --no-print-directory -s -j$$(nproc) V=fuzz fuzz-build
	@tools/fuzz build/fuzz $(SECS)
fuzz-build: $(FUZZ)
lint: deps	## static analysis and formatting check
	@tools/lint
format:		## lay out the sources as .clang-format says
	@git ls-files '*.c' '*.h' | xargs clang-format -i

# Where things go; quoted, since a path may hold blanks.
INTO = "$(DESTDIR)$(PREFIX)/$1"
install: all $(B)/lib/libkeyroom-dukpt.a	## install programs, library, vectors, man pages and units (DESTDIR=, PREFIX=/usr/local)
	install -d $(call INTO,bin) $(call INTO,share/man/man1) $(call INTO,share/man/man8) $(call INTO,share/keyroom/vectors)
	install -d $(call INTO,lib/systemd/system) $(call INTO,lib/pkgconfig) $(foreach f,base crypto dukpt,$(call INTO,include/keyroom/$f))
	install -m 755 $(addprefix $(B)/bin/,$(PROGRAMS)) $(call INTO,bin)
	install -m 644 doc/man/*.1 $(call INTO,share/man/man1)
	install -m 644 doc/man/*.8 $(call INTO,share/man/man8)
	install -m 644 vectors/*.txt $(call INTO,share/keyroom/vectors)
	install -m 644 $(B)/lib/libkeyroom-dukpt.a $(call INTO,lib)
	for f in base crypto dukpt; do install -m 644 $$f/*.h $(call INTO,include/keyroom)/$$f; done
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' dukpt/keyroom-dukpt.pc.in \
		>$(call INTO,lib/pkgconfig/keyroom-dukpt.pc)
	install -m 644 bdk/systemd/*.socket $(call INTO,lib/systemd/system)
	sed -e 's|@PREFIX@|$(PREFIX)|' bdk/systemd/bdkd@.service.in >$(call INTO,lib/systemd/system/bdkd@.service)
clean:		## remove build/
	rm -rf build
