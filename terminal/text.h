/*
 * Lines for the display, put together without a C library.
 */
#ifndef KEYROOM_TERMINAL_TEXT_H
#define KEYROOM_TERMINAL_TEXT_H

#include "terminal/port.h"

/* A line under construction. Begin with = {0}; what does not fit is left out. */
struct text {
	char c[DISPLAY_LINE + 1];
	size_t len;
};

void text_string(struct text *t, const char *s);
void text_span(struct text *t, struct span s); /* characters */
void text_hex(struct text *t, struct span s);
void text_number(struct text *t, uint32_t n); /* decimal */

/* text_show - put the line on the display */
void text_show(const struct text *t, const struct port *port);

#endif
