/*
 * The till: takes a card's data and a PIN, has the terminal make the cryptograms, prints what an acquirer would get.
 *
 * Standard input is one stanza: pan, pin, amount, data (text to be encrypted), and, if other than pan, amount and data
 * in a row, mac_data (text). PAN and PIN never stand on a command line. The PIN goes to the terminal key by key, as if
 * it were typed there (terminal/till.h).
 *
 * With --response it is the host's answer to the last transaction instead: mac, text, data. The terminal verifies it.
 */
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/host/stanza.h"
#include "base/wipe.h"
#include "line/line.h"
#include "terminal/till.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char *till, *slot_text, *count_text = "3", *format = "auto", *respond;

static const struct opt options[] = {
	{ "till", "PORT", "the terminal's till line: /dev/ttyUSB0[:baud], tcp:HOST:PORT or unix:PATH", &till, true },
	{ "slot", "N", "key slot of the transactions", &slot_text, false },
	{ "count", "N", "transactions, 3 unless told", &count_text, false },
	{ "format", "F", "PIN block format: 0, 4 or auto (0 for tdes, 4 for AES)", &format, false },
	{ "response", NULL, "standard input is the host's response to the last transaction; nothing is sold", &respond, false },
	{ 0 },
};

/* Everything secret, in one place. */
static struct sale {
	char input[4096]; /* what standard input is read into */
	struct stanza stanza;
	const char *pan, *pin, *amount, *data;
	char mac_data[TILL_MAC_DATA_MAX + 1];
	uint8_t request[LINK_PAYLOAD], reply[LINK_PAYLOAD];
	size_t request_len, reply_len;
	char hex[2 * (TILL_DATA_MAX + TILL_BLOCK) + 1];
	/* of a response */
	uint8_t mac[16], response[TILL_MAC_DATA_MAX + TILL_DATA_MAX + TILL_BLOCK];
	size_t mac_len, text_len, data_len; /* response is text, then data */
} sale;

static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static bool digits(const char *s, size_t least, size_t most)
{
	return strlen(s) >= least && strlen(s) <= most && strspn(s, "0123456789") == strlen(s);
}

static int read_stanza(struct sale *s, const char *needed)
{
	enum err e;

	setvbuf(stdin, s->input, _IOFBF, sizeof s->input);
	e = stanza_read(&s->stanza, stdin);
	return e ? fail_why(e, e == E_SHORT ? "there is none" : err_text(e), needed, "stanza on standard input") : EX_OK;
}

/* Take the stanza apart. Says what is wrong, never what it holds. */
static int read_sale(struct sale *s)
{
	const char *mac_data;
	int n, status = read_stanza(s, "pan, pin, amount and data are needed");

	if (status)
		return status;
	s->pan = stanza_get(&s->stanza, "pan");
	s->pin = stanza_get(&s->stanza, "pin");
	s->amount = stanza_get(&s->stanza, "amount");
	s->data = stanza_get(&s->stanza, "data");
	mac_data = stanza_get(&s->stanza, "mac_data");
	if (!s->pan || !digits(s->pan, TILL_PAN_MIN, TILL_PAN_MAX))
		return fail_why(E_FORMAT, "is missing, or not 12 to 19 digits", "", "pan");
	if (!s->pin || !digits(s->pin, 4, 12))
		return fail_why(E_FORMAT, "is missing, or not 4 to 12 digits", "", "pin");
	if (!s->amount || !*s->amount || strlen(s->amount) > TILL_AMOUNT_MAX)
		return fail_why(E_FORMAT, "is missing, or longer than 16 characters", "", "amount");
	if (!s->data || strlen(s->data) > TILL_DATA_MAX)
		return fail_why(E_FORMAT, "is missing, or longer than 512 characters", "", "data");
	n = mac_data ? snprintf(s->mac_data, sizeof s->mac_data, "%s", mac_data)
		     : snprintf(s->mac_data, sizeof s->mac_data, "%s%s%s", s->pan, s->amount, s->data);
	if (n < 0 || (size_t)n >= sizeof s->mac_data)
		return fail_why(E_FORMAT, "is longer than 512 characters", "give it as a key of its own", "mac_data");
	return EX_OK;
}

/* Likewise. */
static int read_response(struct sale *s)
{
	const char *mac, *text, *data;
	int status = read_stanza(s, "mac, and text or data are needed");

	if (status)
		return status;
	mac = stanza_get(&s->stanza, "mac");
	text = stanza_get(&s->stanza, "text");
	data = stanza_get(&s->stanza, "data");
	if (!mac || hex_decode(s->mac, &s->mac_len, sizeof s->mac, mac, strlen(mac)) ||
	    (s->mac_len != 8 && s->mac_len != 16))
		return fail_why(E_FORMAT, "is missing, or not 16 or 32 hexadecimal digits", "", "mac");
	if (!text && !data)
		return fail_why(E_FORMAT, "one of them is needed", "", "text, data");
	s->text_len = text ? strlen(text) : 0;
	if (s->text_len > TILL_MAC_DATA_MAX)
		return fail_why(E_FORMAT, "is longer than 512 characters", "", "text");
	if (text)
		memcpy(s->response, text, s->text_len);
	if (data && (hex_decode(s->response + s->text_len, &s->data_len, TILL_DATA_MAX + TILL_BLOCK, data, strlen(data)) ||
		     s->data_len % 8))
		return fail_why(E_FORMAT, "is not whole blocks in hexadecimal digits, 528 bytes at most", "", "data");
	return EX_OK;
}

/* Send the request; a refusal of the terminal is an error like any other. */
static enum err ask(struct line *l, struct sale *s)
{
	unsigned reason;
	enum err e = line_ask(l, s->reply, &s->reply_len, (struct span){ s->request, s->request_len });

	if (!e && !till_get(&reason, TILL_REFUSAL, (struct span){ s->reply, s->reply_len }))
		e = reason ? (enum err)reason : E_FORMAT;
	return e;
}

static enum err ask_small(struct line *l, struct sale *s, enum till_type type, unsigned value)
{
	enum err e = till_put(s->request, &s->request_len, sizeof s->request, type, value);

	return e ? e : ask(l, s);
}

/* Does the slot hold a key, and one for this PIN block format? Asked first, so that no key is used for nothing. */
static enum err look(struct line *l, struct sale *s, unsigned long slot)
{
	struct till_state m;
	bool tdes;
	enum err e = ask_small(l, s, TILL_STATUS, 0);

	if (!e)
		e = till_get_state(&m, (struct span){ s->reply, s->reply_len });
	if (e)
		return e;
	for (unsigned i = 0; i < m.slots; i++)
		if (m.slot[i].index == slot) {
			if (m.slot[i].state == SLOT_EXHAUSTED)
				return E_EXHAUSTED;
			if (m.slot[i].state == SLOT_EMPTY)
				return E_EMPTY;
			tdes = m.slot[i].scheme.len == 4 && !memcmp(m.slot[i].scheme.p, "tdes", 4);
			return !strcmp(format, "auto") || !strcmp(format, tdes ? "0" : "4") ? E_OK : E_SCHEME;
		}
	return E_SLOT;
}

static enum err transact(struct line *l, struct sale *s, unsigned long slot)
{
	struct till_begin m = { (uint8_t)slot, text(s->pan), text(s->amount), text(s->mac_data), text(s->data) };
	enum err e = till_put_begin(s->request, &s->request_len, sizeof s->request, &m);

	if (!e)
		e = ask(l, s);
	for (const char *p = s->pin; !e && *p; p++)
		e = ask_small(l, s, TILL_KEYPAD, (unsigned char)*p);
	if (!e)
		e = ask_small(l, s, TILL_KEYPAD, TILL_ENTER);
	return e;
}

static void put_hex(struct sale *s, const char *key, struct span value)
{
	hex_encode(s->hex, value.p, value.len);
	printf("%s = %s\n", key, s->hex);
}

static enum err print(struct sale *s)
{
	struct till_result m;
	enum err e = till_get_result(&m, (struct span){ s->reply, s->reply_len });

	if (e)
		return e;
	printf("scheme = %.*s\n", (int)m.scheme.len, (const char *)m.scheme.p);
	put_hex(s, "ksn", m.ksn);
	printf("pan = %s\n", s->pan);
	printf("pin_format = %u\n", m.pin_format);
	put_hex(s, "pin_block", m.pin_block);
	put_hex(s, "mac_data", text(s->mac_data));
	put_hex(s, "mac", m.mac);
	put_hex(s, "data", m.data);
	printf("\n");
	return fflush(stdout) ? E_IO : E_OK;
}

static int sell(struct line *l, struct sale *s, unsigned long slot, unsigned long count)
{
	enum err e = look(l, s, slot);

	if (e)
		return fail_say(e, "slot %lu of %s", slot, till);
	for (unsigned long i = 0; !e && i < count; i++) {
		e = transact(l, s, slot);
		if (!e)
			e = print(s);
		if (e)
			return fail_say(e, "transaction %lu of %lu, slot %lu of %s", i + 1, count, slot, till);
	}
	return EX_OK;
}

/* Hand over the response and print what the terminal made of it. */
static int respond_to(struct line *l, struct sale *s)
{
	struct till_response m = { .mac = { s->mac, s->mac_len },
				   .clear = (uint16_t)s->text_len,
				   .text = { s->response, s->text_len + s->data_len } };
	struct span clear = { NULL, 0 };
	enum err e = till_put_response(s->request, &s->request_len, sizeof s->request, &m);

	if (!e)
		e = ask(l, s);
	if (!e)
		e = till_get_verified(&clear, (struct span){ s->reply, s->reply_len });
	if (e == E_SEQUENCE)
		return fail_why(e, "no transaction waits for one", "a response comes once, within a minute", "response, %s", till);
	if (e)
		return fail_say(e, "response, %s", till);
	printf("mac_verdict = ok\n");
	if (s->data_len)
		stanza_print(stdout, "data_clear", clear);
	printf("\n");
	return fflush(stdout) ? fail_say(E_IO, "standard output") : EX_OK;
}

static int run(int operands, char **operand)
{
	static char out[BUFSIZ];
	static struct line l;
	unsigned long slot = 0, count;
	char why[160];
	bool locked;
	int status;
	enum err e;

	(void)operands;
	(void)operand;
	if (!slot_text == !respond)
		return fail_why(E_USAGE, "one of them is needed", "--slot N to sell, --response for the host's answer",
				"--slot, --response");
	if ((slot_text && !opt_number(&slot, "slot", slot_text, 0, TILL_SLOTS - 1)) ||
	    !opt_number(&count, "count", count_text, 1, 1000000))
		return EX_USAGE;
	if (strcmp(format, "auto") && strcmp(format, "0") && strcmp(format, "4"))
		return fail_why(E_USAGE, "is no format of a terminal", "0, 4 or auto", "--format %s", format);
	e = guard_secrets(&locked);
	if (e)
		return fail_say(e, "guarding memory");
	if (!locked)
		fail_why(E_INTERNAL, "PINs may reach the swap space", "raise the limit (ulimit -l)",
			 "memory is not locked");
	setvbuf(stdout, out, _IOFBF, sizeof out);
	status = respond ? read_response(&sale) : read_sale(&sale);
	if (!status) {
		e = line_open(&l, till, why);
		if (e) {
			status = fail_why(e, why, err_hint(e), "--till %s", till);
		} else {
			status = respond ? respond_to(&l, &sale) : sell(&l, &sale, slot, count);
			line_close(&l);
		}
	}
	wipe(&sale, sizeof sale);
	wipe(&l, sizeof l);
	wipe(out, sizeof out);
	return status;
}

int main(int argc, char **argv)
{
	static const struct command command = {
		"pos", "", "", options, 0, 0, run,
	};

	return opt_run(&command,
		       "Plays a till: takes pan, pin, amount and data as a stanza on standard input, has the terminal "
		       "make the cryptograms, and prints one stanza for each transaction. Or gives it the "
		       "host's response.",
		       argc, argv);
}
