/*
 * Test only: what is linked around the board's port (ld --wrap) to see and to disturb the firmware, which is the same
 * objects as in keyroom.elf. It speaks with the host through words beyond the factory page of the memory that the two
 * share (tests/board/board.py has the same shape).
 */
#include "dukpt/registers.h"
#include "protocol/link.h"
#include "terminal/firmware.h"
#include "terminal/port/mps2-an386/board.h"

#include <stddef.h>

#define PROBE ((volatile struct probe *)(BOARD_FACTORY + UINT32_C(0x10000)))

enum { LOG = 65536, MARKS = 4096, SECRETS = 4096, SYS_EXIT = 0x18, EXITED = 0x20026, POWER_ON = 512 };

struct probe {
	uint32_t boots;   /* firmware_start() has returned, so often */
	uint32_t stores;  /* words stored */
	uint32_t cut;     /* the power goes before the store of this number, from 1; 0: never */
	uint32_t stack;   /* the deepest it was, bytes */
	uint32_t marks;   /* what was done, so often */
	uint32_t secrets; /* keys spent, so many */
	uint32_t late;    /* the broken twin: what is committed is stored only after its reply has left */
	uint32_t received[UARTS]; /* bytes */
	uint32_t deaf;		  /* the broken twin: a receiver never leaves a frame that it drops */
	uint32_t layout[10];
	struct {
		uint32_t type;   /* of the request, the till's plus 256; or POWER_ON */
		uint32_t stores; /* when it was done */
		uint32_t time;   /* that it took, in ticks of BOARD_HZ */
	} mark[MARKS];
	struct {
		uint32_t at, word;
	} log[LOG];                  /* every store, in order */
	uint8_t secret[SECRETS][16]; /* nothing may keep these */
};

void __wrap_board_store(volatile uint32_t *at, uint32_t word);
void __real_board_store(volatile uint32_t *at, uint32_t word);
enum err __wrap_firmware_start(struct firmware *f, const struct port *port);
enum err __real_firmware_start(struct firmware *f, const struct port *port);
enum err __wrap_store_commit(struct store *s);
enum err __real_store_commit(struct store *s);
void __wrap_trade_tick(struct trade *t);
void __real_trade_tick(struct trade *t);
enum err __wrap_link_take(struct link_in *in, uint8_t *b, size_t size, struct frame *f, uint8_t byte);
enum err __real_link_take(struct link_in *in, uint8_t *b, size_t size, struct frame *f, uint8_t byte);
size_t __wrap_krd_answer(struct krd *k, uint8_t *reply, struct span request);
size_t __real_krd_answer(struct krd *k, uint8_t *reply, struct span request);
size_t __wrap_trade_answer(struct trade *t, uint8_t *reply, struct span request);
size_t __real_trade_answer(struct trade *t, uint8_t *reply, struct span request);
enum err __wrap_dukpt_registers_take(struct dukpt_registers *next, struct key *txn, struct ksn *used,
				     const struct dukpt_registers *r);
enum err __real_dukpt_registers_take(struct dukpt_registers *next, struct key *txn, struct ksn *used,
				     const struct dukpt_registers *r);
enum err __wrap_dukpt_registers_load(struct dukpt_registers *r, enum dukpt_scheme scheme, const struct key *ik,
				     const struct ksn *iksn);
enum err __real_dukpt_registers_load(struct dukpt_registers *r, enum dukpt_scheme scheme, const struct key *ik,
				     const struct ksn *iksn);

extern uint32_t board_stack[], board_stack_top[];

static uint32_t now(void)
{
	return ~*(volatile uint32_t *)0x40001004;
}

static void look_at_stack(void)
{
	const uint32_t *p = board_stack;
	uint32_t used;

	while (p < board_stack_top && *p == UINT32_C(0x5ac35ac3))
		p++;
	used = (uint32_t)((uintptr_t)board_stack_top - (uintptr_t)p);
	if (used > PROBE->stack)
		PROBE->stack = used;
}

void __wrap_board_store(volatile uint32_t *at, uint32_t word)
{
	uint32_t n = PROBE->stores;

	if (PROBE->cut && n + 1 == PROBE->cut)
		semihost(SYS_EXIT, (const void *)EXITED);
	if (n < LOG) {
		PROBE->log[n].at = (uint32_t)(uintptr_t)at - BOARD_NV;
		PROBE->log[n].word = word;
	}
	PROBE->stores = n + 1;
	__real_board_store(at, word);
}

static struct store put_off; /* the broken twin's */
static bool is_put_off;

enum err __wrap_store_commit(struct store *s)
{
	if (!PROBE->late)
		return __real_store_commit(s);
	put_off = *s;
	is_put_off = true;
	return E_OK;
}

/* The firmware calls it when replies have left. */
void __wrap_trade_tick(struct trade *t)
{
	if (is_put_off) {
		*t->store = put_off;
		is_put_off = false;
		if (__real_store_commit(t->store))
			board_show("STORE");
	}
	__real_trade_tick(t);
}

/* The link's frames may be the longest. */
enum err __wrap_link_take(struct link_in *in, uint8_t *b, size_t size, struct frame *f, uint8_t byte)
{
	PROBE->received[size == LINK_FRAME ? UART_LINK : UART_TILL]++;
	return PROBE->deaf && in->dropping ? E_SHORT : __real_link_take(in, b, size, f, byte);
}

static void keep_secret(const uint8_t key[static 16])
{
	uint32_t n = PROBE->secrets;

	if (n == SECRETS)
		return;
	for (unsigned i = 0; i < 16; i++)
		PROBE->secret[n][i] = key[i];
	PROBE->secrets = n + 1;
}

enum err __wrap_dukpt_registers_take(struct dukpt_registers *next, struct key *txn, struct ksn *used,
				     const struct dukpt_registers *r)
{
	enum err e = __real_dukpt_registers_take(next, txn, used, r);

	if (!e)
		keep_secret(txn->b);
	return e;
}

enum err __wrap_dukpt_registers_load(struct dukpt_registers *r, enum dukpt_scheme scheme, const struct key *ik,
				     const struct ksn *iksn)
{
	keep_secret(ik->b);
	return __real_dukpt_registers_load(r, scheme, ik, iksn);
}

static void done(uint32_t type, uint32_t since)
{
	uint32_t n = PROBE->marks, time = now() - since;

	look_at_stack();
	if (n == MARKS)
		return;
	PROBE->mark[n].type = type;
	PROBE->mark[n].stores = PROBE->stores;
	PROBE->mark[n].time = time;
	PROBE->marks = n + 1;
}

enum err __wrap_firmware_start(struct firmware *f, const struct port *port)
{
	static const uint32_t layout[10] = { STORE_BYTES,
					     STORE_PAPERS,
					     STORE_RECORDS,
					     sizeof(struct state),
					     STORE_SLOTS,
					     sizeof(struct slot_record),
					     sizeof(struct slot),
					     offsetof(struct state, boots),
					     offsetof(struct state, life) };
	enum err e = __real_firmware_start(f, port);

	for (unsigned i = 0; i < sizeof layout / sizeof *layout; i++)
		PROBE->layout[i] = layout[i];
	done(POWER_ON, 0);
	PROBE->boots++;
	return e;
}

size_t __wrap_krd_answer(struct krd *k, uint8_t *reply, struct span request)
{
	uint32_t type = request.len ? request.p[0] : 0, since = now();
	size_t len = __real_krd_answer(k, reply, request);

	done(type, since);
	return len;
}

size_t __wrap_trade_answer(struct trade *t, uint8_t *reply, struct span request)
{
	uint32_t type = 256 + (request.len ? request.p[0] : 0u), since = now();
	size_t len = __real_trade_answer(t, reply, request);

	done(type, since);
	return len;
}
