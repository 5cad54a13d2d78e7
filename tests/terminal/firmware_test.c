#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "terminal/firmware.h"

#include <string.h>

#define TEXT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

static struct sim sim;
static struct sim_host host;
static struct firmware firmware;
static struct link_host till, line;
static bool opened; /* the tamper switch */

/* The lines: what the terminal will read, what it wrote. */
static uint8_t in[UARTS][LINK_WIRE], out[UARTS][LINK_WIRE];
static size_t in_len[UARTS], in_at[UARTS], out_len[UARTS];

static size_t uart_read(void *ctx, enum uart u, uint8_t *p, size_t size)
{
	size_t n = in_len[u] - in_at[u] < size ? in_len[u] - in_at[u] : size;

	(void)ctx;
	memcpy(p, in[u] + in_at[u], n);
	in_at[u] += n;
	return n;
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
	firmware_step(&firmware);
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

static void enter_pin(void)
{
	static const uint8_t begin[] = "\3\0\015"
				       "4012345678909"
				       "\0041.00"
				       "\0\3mac"
				       "\0\4data";

	ck_assert_int_eq(ask(UART_TILL, &till, (struct span){ begin, sizeof begin - 1 }), TILL_PROMPT);
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
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
