#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "terminal/firmware.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

static struct sim sim;
static struct sim_host host;
static struct firmware firmware;
static struct link_host till, line;
static bool opened; /* the tamper switch */

/* The lines: what the terminal will read, what it wrote. */
static uint8_t in[UARTS][LINK_WIRE], out[UARTS][LINK_WIRE];
static size_t in_len[UARTS], in_at[UARTS], out_len[UARTS];

static size_t uart_take(void *ctx, enum uart u, uint8_t *p, size_t size)
{
	size_t left = in_at[u] < in_len[u] ? in_len[u] - in_at[u] : 0, n = left < size ? left : size;

	(void)ctx;
	memcpy(p, in[u] + in_at[u], n);
	in_at[u] += n;
	return n;
}

#define ENDLESS SIZE_MAX
static size_t flood[UARTS]; /* so many bytes of noise come first */

static size_t uart_read(void *ctx, enum uart u, uint8_t *p, size_t size)
{
	static uint64_t x = 0x9E3779B97F4A7C15;

	if (flood[u]) {
		size_t noise = flood[u] < size ? flood[u] : size;

		for (size_t i = 0; i < noise; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			p[i] = (uint8_t)(x >> 40);
		}
		if (flood[u] != ENDLESS)
			flood[u] -= noise;
		return noise;
	}
	return uart_take(ctx, u, p, size);
}
static void uart_write(void *ctx, enum uart u, const uint8_t *p, size_t len)
{
	(void)ctx;
	ck_assert_uint_le(out_len[u] + len, sizeof out[u]);
	memcpy(out[u] + out_len[u], p, len);
	out_len[u] += len;
}

static bool tamper(void *ctx)
{
	(void)ctx;
	return opened;
}

static void power_on(void)
{
	ck_assert_int_eq(firmware_start(&firmware, &sim.port), E_OK);
}

static void setup(void)
{
	sim_loaded(&sim, &host);
	sim.port.uart_read = uart_read;
	sim.port.uart_write = uart_write;
	sim.port.tamper = tamper;
	link_host_open(&till, (const uint8_t[]){ 1, 2, 3, 4 });
	link_host_open(&line, (const uint8_t[]){ 5, 6, 7, 8 });
	power_on();
}

/* Let the terminal read what is on its line and work on it; true if it answered. */
static bool step(enum uart u)
{
	in_at[u] = out_len[u] = 0;
	do
		firmware_step(&firmware);
	while (in_at[u] < in_len[u] || (flood[u] && flood[u] != ENDLESS));
	return out_len[u];
}

/* One request; the type of its reply. */
static unsigned ask(enum uart u, struct link_host *h, struct span request)
{
	static struct link_rx rx;
	struct frame f;

	ck_assert_int_eq(link_host_request(h, in[u], &in_len[u], sizeof in[u], request), E_OK);
	ck_assert(step(u));
	for (size_t i = 0; i < out_len[u]; i++)
		if (!link_push(&rx, &f, out[u][i]) && link_host_reply(h, &f))
			return f.payload.len ? f.payload.p[0] : 0;
	ck_abort_msg("no reply");
	return 0;
}

static unsigned press(char key)
{
	return ask(UART_TILL, &till, (struct span){ (const uint8_t[]){ TILL_KEYPAD, (uint8_t)key }, 2 });
}

static void begin_sale(void)
{
	static const uint8_t begin[] = "\3\0\015"
				       "4012345678909"
				       "\0041.00"
				       "\0\3mac"
				       "\0\4data";

	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ begin, sizeof begin - 1 }), TILL_PROMPT);
}

static void enter_pin(void)
{
	begin_sale();
	for (const char *p = "1234"; *p; p++)
		ck_assert_int_eq(press(*p), TILL_PROMPT);
}

static uint32_t next_counter(void)
{
	struct dukpt_registers r = sim_registers(&firmware.store, 0);

	return ksn_counter(&r.ksn);
}

START_TEST(a_repeated_till_request_gets_the_same_reply_and_uses_no_second_key)
{
	uint8_t first[LINK_WIRE];
	size_t len;

	enter_pin();
	ck_assert_int_eq(press(TILL_ENTER), TILL_RESULT);
	len = out_len[UART_TILL];
	memcpy(first, out[UART_TILL], len);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert(step(UART_TILL));
		ck_assert_uint_eq(out_len[UART_TILL], len);
		ck_assert_mem_eq(out[UART_TILL], first, len);
	}
	ck_assert_uint_eq(next_counter(), 2);
}
END_TEST

START_TEST(a_repeat_after_a_restart_uses_no_key)
{
	enter_pin();
	ck_assert_int_eq(press(TILL_ENTER), TILL_RESULT);
	power_on();
	ck_assert(step(UART_TILL)); /* the entry is gone: refused */
	ck_assert_uint_eq(next_counter(), 2);
}
END_TEST

START_TEST(the_lines_do_not_mix)
{
	uint8_t hello[1 + MSG_MAX] = { MSG_HELLO };
	size_t len = sim_hello(&host, hello + 1);

	enter_pin();
	ck_assert_int_eq(ask(UART_LINK, &line, (struct span){ hello, 1 + len }), MSG_OFFER);
	ck_assert_int_eq(ask(UART_LINK, &line, TEXT("\0051")), MSG_ABORT); /* a key of the keypad */
	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ hello, 1 + len }), TILL_REFUSAL);
	ck_assert_int_eq(ask(UART_LINK, &line, TEXT("")), 0);
}
END_TEST

START_TEST(noise_on_the_line_is_not_answered)
{
	for (size_t i = 0; i < sizeof in[0]; i++)
		in[UART_LINK][i] = (uint8_t)(i * i + i / 7);
	in_len[UART_LINK] = sizeof in[0];
	ck_assert(!step(UART_LINK));
	in[UART_LINK][0] = 0x7e;
	in_len[UART_LINK] = 1;
	step(UART_LINK);
	ck_assert_int_eq(ask(UART_LINK, &line, TEXT("")), 0);
}
END_TEST

START_TEST(an_opened_case_wipes_everything_and_the_terminal_says_only_that)
{
	uint8_t key[16];

	memcpy(key, sim_registers(&firmware.store, 1).key[3], sizeof key);
	enter_pin();
	opened = true;
	in_len[UART_TILL] = in_len[UART_LINK] = 0;
	step(UART_TILL);
	opened = false;
	ck_assert_str_eq(sim.shown[0], "TAMPERED");
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(press('1'), TILL_REFUSAL);
		ck_assert_int_eq(ask(UART_LINK, &line, TEXT("\1")), MSG_ABORT);
		for (size_t n = 0; n + sizeof key <= sizeof firmware; n++)
			ck_assert(memcmp((const uint8_t *)&firmware + n, key, sizeof key));
		for (size_t n = 0; n + sizeof key <= sizeof sim.nv; n++)
			ck_assert(memcmp(sim.nv + n, key, sizeof key));
		power_on();
		ck_assert_str_eq(sim.shown[0], "TAMPERED");
	}
}
END_TEST

START_TEST(the_display_tells_at_power_on_what_the_terminal_is)
{
	ck_assert_str_eq(sim.shown[0], "READY");
	ck_assert_mem_eq(sim.shown[1], "SLOT 1 LOADED 123456789012345600000000 KCV ", 43);
	ck_assert_str_eq(sim.shown[2], "SLOT 0 LOADED FFFF9876543210E00000 KCV AF8C07");
	ck_assert_str_eq(sim.shown[3], "ENROLLED SIM-1");
	sim.port.nv_size = STORE_BYTES - 4;
	ck_assert_int_eq(firmware_start(&firmware, &sim.port), E_STORE);
	ck_assert_str_eq(sim.shown[0], err_text(E_STORE));
}
END_TEST

START_TEST(after_700000_bytes_of_noise_the_next_good_frame_is_answered)
{
	for (enum uart u = UART_LINK; u < UARTS; u++)
		for (unsigned i = 0; i < 5; i++) {
			flood[u] = 700000 + i;
			ck_assert_int_eq(ask(u, u == UART_LINK ? &line : &till, TEXT("")), 0);
			ck_assert_uint_eq(flood[u], 0);
		}
	enter_pin();
	ck_assert_int_eq(press(TILL_ENTER), TILL_RESULT);
}
END_TEST

/* --- Messages that must be refused, over the line; the terminal serves on --- */

static uint8_t payload[LINK_PAYLOAD + 1];

static size_t a_hello(void)
{
	payload[0] = MSG_HELLO;
	return 1 + sim_hello(&host, payload + 1);
}

static size_t one_too_long(void)
{
	size_t n = a_hello();

	memset(payload + n, 0, sizeof payload - n);
	return LINK_PAYLOAD;
}

static size_t every_field_twice(void)
{
	size_t n = a_hello();

	memcpy(payload + n, payload + 1, n - 1);
	return 2 * n - 1;
}

static size_t a_field_missing(void)
{
	size_t n = a_hello();

	memmove(payload + 3, payload + 3 + 32, n - 3 - 32); /* without its environment */
	return n - 32;
}

static size_t an_older_version(void)
{
	size_t n = a_hello();

	payload[1] = MSG_VERSION - 1;
	return n;
}

static size_t one_out_of_order(void)
{
	a_hello();
	payload[0] = MSG_CERT;
	return 1000;
}

static size_t an_epoch_too_low(void)
{
	size_t n;

	sim_kdh_certificate(&host, 2, SIM_UTC - 86400, SIM_UTC + 86400);
	n = a_hello();
	sim_kdh_certificate(&host, 3, SIM_UTC - 86400, SIM_UTC + 86400);
	return n;
}

static size_t no_type_at_all(void)
{
	payload[0] = 99;
	return 1;
}

START_TEST(what_must_be_refused_is_refused_with_its_reason_and_the_terminal_serves_on)
{
	static const struct {
		size_t (*make)(void);
		enum err reason;
	} rows[] = {
		{ one_too_long, E_FORMAT },	 { every_field_twice, E_FORMAT }, { a_field_missing, E_SHORT },
		{ an_older_version, E_VERSION }, { one_out_of_order, E_SEQUENCE }, { an_epoch_too_low, E_EPOCH },
		{ no_type_at_all, E_FORMAT },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = rows[i].make();

		ck_assert_msg(ask(UART_LINK, &line, (struct span){ payload, len }) == MSG_ABORT, "row %zu", i);
		ck_assert_msg(!strcmp(sim.shown[0], err_text(rows[i].reason)), "row %zu: %s", i, sim.shown[0]);
		len = a_hello();
		ck_assert_int_eq(ask(UART_LINK, &line, (struct span){ payload, len }), MSG_OFFER);
	}
}
END_TEST

START_TEST(a_request_that_is_too_long_for_the_till_is_refused_and_ends_the_entry)
{
	memset(payload, TILL_STATUS, sizeof payload);
	enter_pin();
	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ payload, TILL_REQUEST + 1 }), TILL_REFUSAL);
	ck_assert_str_eq(sim.shown[0], err_text(E_LENGTH));
	ck_assert_int_eq(press(TILL_ENTER), TILL_REFUSAL);
	ck_assert_uint_eq(next_counter(), 1);
	/* The twin: the longest that fits is read, and refused for what it says. */
	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ payload, TILL_REQUEST }), TILL_REFUSAL);
	ck_assert_str_eq(sim.shown[0], err_text(E_FORMAT));
	ck_assert_int_eq(ask(UART_TILL, &till, TEXT("\1")), TILL_STATE);
	enter_pin();
	ck_assert_int_eq(press(TILL_ENTER), TILL_RESULT);
	/* A tampered one says only that. */
	opened = true;
	in_len[UART_TILL] = 0;
	step(UART_TILL);
	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ payload, TILL_REQUEST + 1 }), TILL_REFUSAL);
	ck_assert_str_eq(sim.shown[0], err_text(E_TAMPERED));
}
END_TEST

/* --- PIN digits: nowhere in this process once an entry is over --- */

/* 9274815360, held so that this program does not hold it */
static const volatile uint8_t masked[10] = { 9 ^ 0x5a, 2 ^ 0x5a, 7 ^ 0x5a, 4 ^ 0x5a, 8 ^ 0x5a,
					     1 ^ 0x5a, 5 ^ 0x5a, 3 ^ 0x5a, 6 ^ 0x5a, 0 ^ 0x5a };

static unsigned digit(unsigned i)
{
	return masked[i] ^ 0x5au;
}

/* As digits, as text, and two to a byte as a PIN block has them before it is encrypted */
static bool is_pin(const uint8_t *p)
{
	bool digits = true, text = true, packed = true;

	for (unsigned i = 0; i < 10; i++) {
		digits &= p[i] == digit(i);
		text &= p[i] == '0' + digit(i);
	}
	for (unsigned i = 0; i < 5; i++)
		packed &= p[i] == (digit(2 * i) << 4 | digit(2 * i + 1));
	return digits || text || packed;
}

/* How many times is it in what this process can write? */
static unsigned pins_in_memory(void)
{
	static uint8_t b[1 << 16];
	int mem = open("/proc/self/mem", O_RDONLY);
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	unsigned found = 0;
	char line_of[512];

	ck_assert(mem >= 0 && maps);
	while (fgets(line_of, sizeof line_of, maps)) {
		/* what is that large is a sanitizer's, not a program's */
		if (sscanf(line_of, "%lx-%lx", &from, &to) != 2 || !strstr(line_of, " rw") || to - from > 1ul << 28)
			continue;
		for (unsigned long at = from; at < to; at += sizeof b - 16) {
			ssize_t n = pread(mem, b, to - at < sizeof b ? to - at : sizeof b, (off_t)at);

			for (ssize_t i = 0; i + 10 <= n; i++)
				if (at + (unsigned long)i + 10 <= (uintptr_t)b || at + (unsigned long)i >= (uintptr_t)(b + sizeof b))
					found += is_pin(b + i); /* elsewhere than in the place that it is looked at in */
		}
	}
	fclose(maps);
	close(mem);
	memset(b, 0, sizeof b);
	return found;
}

static void type_pin(void)
{
	begin_sale();
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(press((char)('0' + digit(i))), TILL_PROMPT);
}

static void by_enter(void)
{
	ck_assert_int_eq(press(TILL_ENTER), TILL_RESULT);
}

static void by_cancel(void)
{
	ck_assert_int_eq(press(TILL_CANCEL), TILL_CANCELLED);
}

static void by_clear(void)
{
	ck_assert_int_eq(press(TILL_CLEAR), TILL_PROMPT);
}

static void by_time_out(void)
{
	sim.now += TRADE_ENTRY_MS;
	in_len[UART_TILL] = in_len[UART_LINK] = 0;
	step(UART_TILL);
}

static void by_a_key_that_is_none(void)
{
	ck_assert_int_eq(press('?'), TILL_REFUSAL);
}

static void by_another_begin(void)
{
	static const uint8_t cut[] = "\3\0";

	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ cut, 2 }), TILL_REFUSAL);
}

static void by_bad_noise(void)
{
	sim.noise = NOISE_STUCK;
	ck_assert_int_eq(press(TILL_ENTER), TILL_REFUSAL);
}

static void by_a_memory_that_fails(void)
{
	sim.budget = 3;
	ck_assert_int_eq(press(TILL_ENTER), TILL_REFUSAL);
}

static void by_tamper(void)
{
	opened = true;
	in_len[UART_TILL] = in_len[UART_LINK] = 0;
	step(UART_TILL);
	opened = false;
}

static void by_a_forged_memory_that_the_link_finds(void)
{
	uint8_t hello[1 + MSG_MAX] = { MSG_HELLO };
	size_t len = sim_hello(&host, hello + 1);

	for (size_t i = 0; i < sizeof sim.nv; i++)
		sim.nv[i] ^= 1;
	ck_assert_int_eq(ask(UART_LINK, &line, (struct span){ hello, 1 + len }), MSG_ABORT);
	in_len[UART_TILL] = in_len[UART_LINK] = 0;
	step(UART_TILL);
}

static void by_power_off(void)
{
	firmware_stop(&firmware);
}

START_TEST(a_key_of_the_keypad_in_a_damaged_frame_is_wiped)
{
	static const uint8_t none[sizeof firmware.till_frame];

	begin_sale();
	ck_assert_int_eq(link_host_request(&till, in[UART_TILL], &in_len[UART_TILL], sizeof in[UART_TILL],
					   (struct span){ (const uint8_t[]){ TILL_KEYPAD, '7' }, 2 }),
			 E_OK);
	in[UART_TILL][in_len[UART_TILL] - 2] ^= 1;
	ck_assert(!step(UART_TILL));
	ck_assert_mem_eq(firmware.till_frame, none, sizeof none);
}
END_TEST

START_TEST(a_line_that_never_pauses_holds_up_neither_tamper_switch_nor_the_other_line)
{
	for (enum uart u = UART_LINK; u < UARTS; u++) {
		setup();
		flood[u] = ENDLESS;
		if (u == UART_LINK)
			ck_assert_int_eq(press(TILL_CANCEL), TILL_REFUSAL); /* there is no entry */
		else
			ck_assert_int_eq(ask(UART_LINK, &line, TEXT("")), 0);
		opened = true;
		firmware_step(&firmware);
		opened = false;
		flood[u] = 0;
		ck_assert_int_eq(firmware.store.state.life, LIFE_TAMPERED);
	}
}
END_TEST

START_TEST(no_pin_is_in_memory_after_any_end_of_an_entry)
{
	static void (*const ends[])(void) = { by_enter,	       by_cancel,	 by_clear,	by_time_out,
					      by_a_key_that_is_none, by_another_begin, by_bad_noise,
					      by_a_memory_that_fails, by_tamper,	 by_a_forged_memory_that_the_link_finds,
					      by_power_off };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		setup();
		type_pin();
		ck_assert_uint_eq(pins_in_memory(), 1); /* in one buffer; and the search finds it */
		ends[i]();
		ck_assert_msg(!pins_in_memory(), "end %zu", i);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/firmware");
	TCase *t = tcase_create("firmware");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_repeated_till_request_gets_the_same_reply_and_uses_no_second_key);
	tcase_add_test(t, a_repeat_after_a_restart_uses_no_key);
	tcase_add_test(t, the_lines_do_not_mix);
	tcase_add_test(t, noise_on_the_line_is_not_answered);
	tcase_add_test(t, an_opened_case_wipes_everything_and_the_terminal_says_only_that);
	tcase_add_test(t, the_display_tells_at_power_on_what_the_terminal_is);
	tcase_add_test(t, after_700000_bytes_of_noise_the_next_good_frame_is_answered);
	tcase_add_test(t, what_must_be_refused_is_refused_with_its_reason_and_the_terminal_serves_on);
	tcase_add_test(t, a_request_that_is_too_long_for_the_till_is_refused_and_ends_the_entry);
	tcase_add_test(t, a_key_of_the_keypad_in_a_damaged_frame_is_wiped);
	tcase_add_test(t, a_line_that_never_pauses_holds_up_neither_tamper_switch_nor_the_other_line);
	tcase_add_test(t, no_pin_is_in_memory_after_any_end_of_an_entry);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
