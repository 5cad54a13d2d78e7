#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 20, CELL_MAX = 300 };

void cli_time(char out[static CLI_TIME], uint64_t utc)
{
	time_t t = (time_t)utc;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, CLI_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, CLI_TIME, "-");
}

/* One cell as text; "" where the row has no such field. */
static void cell_text(char out[static CELL_MAX], struct span row, const struct column *c)
{
	struct span v = field_get(row, c->tag);
	uint64_t number;

	out[0] = 0;
	switch (c->cell) {
	case CELL_TEXT:
		if (field_text(out, CELL_MAX, row, c->tag))
			out[0] = 0;
		break;
	case CELL_HEX:
		if (2 * v.len < CELL_MAX)
			hex_encode(out, v.p, v.len);
		break;
	case CELL_NUMBER:
	case CELL_TIME:
		if (field_number(&number, row, c->tag, UINT64_MAX))
			break;
		if (c->cell == CELL_TIME)
			cli_time(out, number);
		else
			snprintf(out, CELL_MAX, "%llu", (unsigned long long)number);
		break;
	}
}

static json_t *cell_json(struct span row, const struct column *c)
{
	char text[CELL_MAX];
	uint64_t number;

	if (!field_get(row, c->tag).p)
		return json_null();
	if (c->cell == CELL_NUMBER && !field_number(&number, row, c->tag, INT64_MAX))
		return json_integer((json_int_t)number);
	cell_text(text, row, c);
	return json_string(text);
}

/* Rows are kept as JSON or as text, until all are there and the widths are known. */
struct table {
	const struct column *column;
	size_t columns, rows;
	size_t width[COLUMNS];
	bool filled[COLUMNS]; /* a column that no row fills is left out */
	char **cell;          /* rows times columns */
	json_t *json;
};

static void add_row(struct table *t, struct span row)
{
	char text[CELL_MAX];
	char **more;

	if (t->json) {
		json_t *o = json_object();

		for (size_t i = 0; i < t->columns; i++)
			if (json_object_set_new(o, t->column[i].key, cell_json(row, &t->column[i])))
				fail_memory();
		if (json_array_append_new(t->json, o))
			fail_memory();
		return;
	}
	more = realloc(t->cell, (t->rows + 1) * t->columns * sizeof *t->cell);
	if (!more)
		fail_memory();
	t->cell = more;
	for (size_t i = 0; i < t->columns; i++) {
		char **cell = &t->cell[t->rows * t->columns + i];

		cell_text(text, row, &t->column[i]);
		*cell = strdup(*text ? text : "-");
		if (!*cell)
			fail_memory();
		if (*text)
			t->filled[i] = true;
		if (strlen(*cell) > t->width[i])
			t->width[i] = strlen(*cell);
	}
	t->rows++;
}

static bool shown(const struct table *t, size_t i)
{
	return t->column[i].title && (t->filled[i] || !t->rows);
}

static void print_row(const struct table *t, size_t row, bool head)
{
	size_t last = 0;

	for (size_t i = 0; i < t->columns; i++)
		if (shown(t, i))
			last = i;
	for (size_t i = 0; i <= last; i++) {
		const char *text = head ? t->column[i].title : t->cell[row * t->columns + i];
		int width = (int)t->width[i];

		if (!shown(t, i))
			continue;
		if (t->column[i].cell == CELL_NUMBER)
			printf("%*s", width, text);
		else
			printf("%-*s", i < last ? width : 0, text);
		fputs(i < last ? "  " : "\n", stdout);
	}
}

/* An array with a row a line. */
static void print_json(json_t *rows)
{
	size_t n = json_array_size(rows);

	printf("[\n");
	for (size_t i = 0; i < n; i++) {
		if (json_dumpf(json_array_get(rows, i), stdout, 0) && !ferror(stdout))
			fail_memory();
		printf(i + 1 < n ? ",\n" : "\n");
	}
	printf("]\n");
}

/* What every report of such a room says. */
static void print_token(struct client *c, int *status)
{
	static struct record request;
	uint64_t test = 1, software = 0;

	record_begin(&request, OP_INFO);
	if (!cli_ask(c, &request, status, cli.room) || field_number(&test, c->fields, F_TEST_ROOM, 1) ||
	    field_number(&software, c->fields, F_SOFTWARE_TOKEN, 1) || test || !software)
		return;
	printf("A production room on a software token, which its room.conf accepts.\n");
}

int cli_table_of(uint16_t op, const char *key_set, const struct column *columns, size_t n)
{
	static struct client c;
	static struct record request;
	struct table t = { .column = columns, .columns = n, .json = cli.json ? json_array() : NULL };
	struct span row;
	uint64_t more = 1, since = 0;
	int status = 0;

	if (n > COLUMNS)
		return fail_say(E_INTERNAL, "a table of %zu columns", n);
	if (cli.json && !t.json)
		fail_memory();
	if (!cli_open(&c, &status)) {
		json_decref(t.json);
		return status;
	}
	for (size_t i = 0; i < n; i++)
		t.width[i] = columns[i].title ? strlen(columns[i].title) : 0;
	while (!status && more) {
		size_t at = 0;

		record_begin(&request, op);
		record_put_number(&request, F_SINCE, since);
		if (key_set)
			record_put_text(&request, F_KEY_SET, key_set);
		if (!cli_ask(&c, &request, &status, key_set ? key_set : cli.room))
			break;
		while (!status && field_next(&row, c.fields, F_ROW, &at))
			if (field_check(row))
				status = cli_fail(&c, E_FORMAT, cli.room);
			else
				add_row(&t, row);
		if (field_number(&more, c.fields, F_MORE, 1) || field_number(&since, c.fields, F_SEQUENCE, INT64_MAX))
			more = 0;
	}
	if (!status && t.json)
		print_json(t.json);
	if (!status && !t.json) {
		print_row(&t, 0, true);
		for (size_t i = 0; i < t.rows; i++)
			print_row(&t, i, false);
		print_token(&c, &status);
	}
	for (size_t i = 0; i < t.rows * t.columns; i++)
		free(t.cell[i]);
	free(t.cell);
	json_decref(t.json);
	client_close(&c);
	return status;
}

int cli_table(uint16_t op, const struct column *columns, size_t n)
{
	return cli_table_of(op, NULL, columns, n);
}
