#include "terminal/text.h"
#include "base/hex.h"

static void put(struct text *t, char c)
{
	if (t->len < DISPLAY_LINE) {
		t->c[t->len++] = c;
		t->c[t->len] = 0;
	}
}

void text_string(struct text *t, const char *s)
{
	while (*s)
		put(t, *s++);
}

void text_span(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		put(t, (char)s.p[i]);
}

void text_hex(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char two[3];

		hex_encode(two, s.p + i, 1);
		text_string(t, two);
	}
}

void text_number(struct text *t, uint32_t n)
{
	char digits[11] = { 0 };
	size_t i = sizeof digits - 1;

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	text_string(t, digits + i);
}

void text_show(const struct text *t, const struct port *port)
{
	port->display(port->ctx, t->c);
}
