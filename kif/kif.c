#include "kif/inject.h"
#include "kif/sync.h"
#include "kif/update.h"
#include "kif/zeroize.h"
#include "base/host/fail.h"
#include "base/host/file.h"
#include "base/host/opt.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *room, *port, *serial, *key_set, *slot, *reason, *ledger, *timeout, *json;

/* The ledger's file: as named, or the usual one. */
static int find_ledger(const char **path, bool make)
{
	static char usual[PATH_MAX];

	*path = ledger;
	if (ledger)
		return 0;
	*path = usual;
	if (ledger_path(usual, sizeof usual, make))
		return fail_why(E_IO, strerror(errno), "name a file with --ledger", "ledger's folder");
	return 0;
}

static const char *rfc3339(char out[static 32], uint64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(out, "-"); /* a ledger that kif did not write */
	return out;
}

/* Everything printed has to arrive. */
static int finish(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return fail_why(E_IO, strerror(errno), "", "standard output");
}

static json_t *fact_json(const struct fact *f)
{
	char time[32];

	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "serial", f->serial, "slot",
			 (int)f->slot, "key_set", f->key_set, "scheme", f->scheme, "initial_ksn", f->ksn, "check_value",
			 f->kcv, "state", f->state, "load_count", (json_int_t)f->load_count, "firmware", f->firmware,
			 "spki", f->spki, "time", rfc3339(time, f->time), "sequence", (json_int_t)f->sequence);
}

/* Print and release. */
static void print_json(json_t *j)
{
	if (!j || (json_dumpf(j, stdout, JSON_INDENT(2)) && !ferror(stdout)))
		fail_memory(); /* facts are UTF-8, and finish() looks at stdout */
	putchar('\n');
	json_decref(j);
}

/* How to reach the terminal, as the options say. Returns the exit status of a wrong one. */
static int read_line(struct visit_to *to)
{
	unsigned long seconds = LINE_GIVE_UP_MS / 1000;

	*to = (struct visit_to){ room, port, NULL, serial, 0, STATION_SECONDS, stderr };
	if (timeout && !opt_number(&seconds, "timeout", timeout, 1, 3600))
		return err_exit(E_USAGE);
	to->give_up_ms = (unsigned)seconds * 1000;
	return 0;
}

/* And whom, for which room. */
static int read_to(struct visit_to *to)
{
	int status;

	if (!serial_ok(serial, strlen(serial)))
		return fail_why(E_FORMAT, "not a serial", "a serial has 1 to 32 letters, digits and hyphens",
				"--serial %s", serial);
	status = read_line(to);
	return status ? status : find_ledger(&to->ledger, true);
}

/* What a visit cost, for whom it may concern. */
static void add_report(json_t *j, const struct visit_report *r)
{
	if (json_object_set_new(j, "seconds", json_real((double)r->ms / 1000)) ||
	    json_object_set_new(j, "frames_repeated", json_integer((json_int_t)r->repeats)) ||
	    json_object_set_new(j, "frames_dropped", json_integer((json_int_t)r->dropped)))
		fail_memory();
}

static void print_line_quality(const struct visit_report *r)
{
	if (r->repeats || r->dropped)
		printf("the line is not clean: %lu frames sent again, %lu received broken\n", r->repeats, r->dropped);
}

/* --- kif inject --------------------------------------------------------------------------------------------------- */

static void print_load(const struct inject_result *r)
{
	const struct fact *f = &r->load;

	if (json) {
		json_t *j = fact_json(f);

		if (json_object_set_new(j, "settled_earlier_run", json_boolean(r->settled)) ||
		    json_object_set_new(j, "follows", json_boolean(r->follows)) ||
		    (r->low && json_object_set_new(j, "ids_left", json_integer((json_int_t)r->left))) ||
		    (r->low && r->days != INJECT_LONG &&
		     json_object_set_new(j, "ids_last_days", json_integer((json_int_t)r->days))))
			fail_memory();
		add_report(j, &r->report);
		print_json(j);
		return;
	}
	printf("%s slot %u: %s, key set %s (%s)\n", f->serial, f->slot,
	       r->settled ? "already loaded by an earlier run, now settled" : "loaded", f->key_set, f->scheme);
	printf("initial KSN %s  check value %s  load count %lu  %lu.%02lu s\n", f->ksn, f->kcv,
	       (unsigned long)f->load_count, r->report.ms / 1000, r->report.ms % 1000 / 10);
	print_line_quality(&r->report);
	if (r->follows)
		printf("key set %s is used up: this one follows it\n", key_set);
	if (r->low) {
		printf("%llu device ids are left", (unsigned long long)r->left);
		if (r->days != INJECT_LONG)
			printf(", for %llu days at the present rate", (unsigned long long)r->days);
		printf(": the room needs another lease\n");
	}
}

static int run_inject(int operands, char **operand)
{
	struct inject in;
	struct inject_result out;
	char id[FACT_KEY_SET];
	unsigned long n;
	int status;
	enum err e;

	(void)operands, (void)operand;
	if (fact_key_set(id, key_set))
		return fail_why(E_FORMAT, "not a key set's id",
				"10 hexadecimal digits beginning FFFF for TDES, 8 for AES; bdk list shows them",
				"--key-set %s", key_set);
	if (!opt_number(&n, "slot", slot, 0, 7))
		return err_exit(E_USAGE);
	status = read_to(&in.to);
	if (status)
		return status;
	in.key_set = id;
	in.slot = (unsigned)n;
	e = inject_run(&out, &in);
	if (*out.load.serial)
		print_load(&out);
	status = finish();
	return e ? fail_why(e, out.report.why, out.report.hint, "%s", out.report.what) : status;
}

/* --- kif zeroize -------------------------------------------------------------------------------------------------- */

static void print_zeroized(const struct zeroize_result *r, const struct zeroize *in)
{
	if (json) {
		json_t *loads = json_array(),
		       *j = json_pack("{s:s, s:o, s:s, s:b, s:o}", "serial", serial, "slot",
				      in->slot == VISIT_ALL_SLOTS ? json_string("all") : json_integer((int)in->slot),
				      "reason", reason, "already_empty", (int)r->empty, "loads", loads);

		if (!j)
			fail_memory();
		for (unsigned i = 0; i < r->n; i++)
			if (json_array_append_new(loads, fact_json(&r->load[i])))
				fail_memory();
		add_report(j, &r->report);
		print_json(j);
		return;
	}
	printf("%s %s%s: %s", serial, in->slot == VISIT_ALL_SLOTS ? "" : "slot ",
	       in->slot == VISIT_ALL_SLOTS ? "all slots" : slot, r->empty ? "already empty: settled" : "zeroized");
	printf("  %lu.%02lu s\n", r->report.ms / 1000, r->report.ms % 1000 / 10);
	for (unsigned i = 0; i < r->n; i++) {
		const struct fact *f = &r->load[i];

		printf("slot %u  key set %s (%s)  initial KSN %s  check value %s  %s\n", f->slot, f->key_set, f->scheme,
		       f->ksn, *f->kcv ? f->kcv : "-", f->state);
	}
	print_line_quality(&r->report);
}

static int run_zeroize(int operands, char **operand)
{
	struct zeroize in = { .slot = VISIT_ALL_SLOTS };
	struct zeroize_result out;
	unsigned long n;
	int status;
	enum err e;

	(void)operands, (void)operand;
	if (strcmp(slot, "all") != 0) {
		if (!opt_number(&n, "slot", slot, 0, 7))
			return err_exit(E_USAGE);
		in.slot = (unsigned)n;
	}
	if (!zeroize_reason(reason))
		return fail_why(E_USAGE, "not a reason", "reject, decommission or reload", "--reason %s", reason);
	in.reason = reason;
	status = read_to(&in.to);
	if (status)
		return status;
	e = zeroize_run(&out, &in);
	if (out.done)
		print_zeroized(&out, &in);
	status = finish();
	return e ? fail_why(e, out.report.why, out.report.hint, "%s", out.report.what) : status;
}

/* --- kif update --------------------------------------------------------------------------------------------------- */

static void print_update(const struct update_result *r, const struct update *in)
{
	if (json) {
		json_t *j = json_pack("{s:i, s:s, s:s, s:I}", "slot", (int)in->slot, "initial_ksn", r->ksn,
				      "check_value", r->kcv, "load_count", (json_int_t)r->load_count);

		if (!j)
			fail_memory();
		add_report(j, &r->report);
		print_json(j);
		return;
	}
	printf("slot %u: updated\n", in->slot);
	printf("initial KSN %s  check value %s  load count %lu  %lu.%02lu s\n", r->ksn, r->kcv,
	       (unsigned long)r->load_count, r->report.ms / 1000, r->report.ms % 1000 / 10);
	print_line_quality(&r->report);
}

static int run_update(int operands, char **operand)
{
	static uint8_t text[16384];
	char block[UPDATE_BLOCK + 1];
	struct update in = { .block = block };
	struct update_result out;
	unsigned long n;
	size_t len;
	int status;
	enum err e;

	(void)operands;
	if (!opt_number(&n, "slot", slot, 0, 7))
		return err_exit(E_USAGE);
	in.slot = (unsigned)n;
	status = read_line(&in.to);
	if (status)
		return status;
	e = file_read(text, &len, sizeof text, operand[0]);
	if (e)
		return fail_why(e, e == E_IO ? strerror(errno) : "longer than a key block's file", "", "%s",
				operand[0]);
	e = update_block(block, (struct span){ text, len });
	if (e)
		return fail_why(E_FORMAT, "no key block of version D", "make one with lab keyblock", "%s", operand[0]);
	e = update_run(&out, &in);
	if (out.done)
		print_update(&out, &in);
	status = finish();
	return e ? fail_why(e, out.report.why, out.report.hint, "%s", out.report.what) : status;
}

/* --- kif list, kif show ------------------------------------------------------------------------------------------- */

struct listing {
	struct ledger ledger;
	json_t *array; /* NULL: text */
	unsigned long n;
	bool events;
	enum err e;
};

static void print_event(void *context, const struct fact *f)
{
	char time[32];

	(void)context;
	printf("    %s  %-15s  journal sequence %llu\n", rfc3339(time, f->time), f->state,
	       (unsigned long long)f->sequence);
}

static void add_event(void *context, const struct fact *f)
{
	char time[32];

	if (json_array_append_new(context, json_pack("{s:s, s:s, s:I}", "time", rfc3339(time, f->time), "state",
						     f->state, "sequence", (json_int_t)f->sequence)))
		fail_memory();
}

static void list_load(void *context, const struct fact *f)
{
	struct listing *l = context;
	char time[32];
	enum err e = E_OK;

	if (l->array) {
		json_t *j = fact_json(f), *events = l->events ? json_array() : NULL;

		if (events) {
			e = ledger_events(&l->ledger, f, add_event, events);
			if (json_object_set_new(j, "events", events))
				fail_memory();
		}
		if (json_array_append_new(l->array, j))
			fail_memory();
	} else if (l->events) {
		printf("%sslot %u  load %lu  key set %s (%s)  initial KSN %s  check value %s\n", l->n ? "\n" : "",
		       f->slot, (unsigned long)f->load_count, f->key_set, f->scheme, f->ksn, *f->kcv ? f->kcv : "-");
		printf("    firmware %s\n", *f->firmware ? f->firmware : "-");
		e = ledger_events(&l->ledger, f, print_event, NULL);
	} else {
		if (!l->n)
			printf("%-20s  %-16s %4s  %-10s  %-6s  %-24s  %-10s  %-15s  %s\n", "TIME", "SERIAL", "SLOT",
			       "KEY SET", "SCHEME", "INITIAL KSN", "CHECK", "STATE", "LOAD");
		printf("%-20s  %-16s %4u  %-10s  %-6s  %-24s  %-10s  %-15s  %lu\n", rfc3339(time, f->time), f->serial,
		       f->slot, f->key_set, f->scheme, f->ksn, *f->kcv ? f->kcv : "-", f->state,
		       (unsigned long)f->load_count);
	}
	l->n++;
	l->e = l->e ? l->e : e;
}

/* Loads of one terminal with their events, or of all without. */
static int list(const char *of)
{
	struct listing l = { .events = of };
	bool software = false;
	const char *path;
	int status = find_ledger(&path, false);
	enum err e;

	if (status)
		return status;
	e = ledger_open_read(&l.ledger, path);
	if (e)
		return fail_why(e, l.ledger.why,
				e == E_ROOM_VERSION ? "use that version"
						    : "name one with --ledger; kif inject "
						      "and kif rebuild make one",
				"ledger %s", path);
	if (json)
		l.array = json_array();
	e = ledger_loads(&l.ledger, of, list_load, &l);
	e = e ? e : l.e;
	if (!e)
		e = ledger_token(&software, &l.ledger);
	if (e)
		status = fail_why(e, l.ledger.why, "", "ledger %s", path);
	else if (of && !l.n)
		status = fail_why(E_UNKNOWN_DEVICE, "no load of it in the ledger",
				  "check the serial; kif list shows them all", "%s", of);
	else if (l.array)
		print_json(json_incref(l.array));
	else if (software)
		printf("A production room on a software token, which its room.conf accepts.\n");
	json_decref(l.array);
	ledger_close(&l.ledger);
	return status ? status : finish();
}

static int run_list(int operands, char **operand)
{
	(void)operands, (void)operand;
	return list(NULL);
}

static int run_show(int operands, char **operand)
{
	(void)operands;
	if (!serial_ok(operand[0], strlen(operand[0])))
		return fail_why(E_FORMAT, "not a serial", "a serial has 1 to 32 letters, digits and hyphens", "%s",
				operand[0]);
	return list(operand[0]);
}

/* --- kif heads ---------------------------------------------------------------------------------------------------- */

static void print_head(void *n, const char *text)
{
	printf("%s%s", (*(unsigned *)n)++ ? "\n" : "", text);
}

static int run_heads(int operands, char **operand)
{
	struct ledger l;
	const char *path;
	unsigned n = 0;
	int status = find_ledger(&path, false);
	enum err e;

	(void)operands, (void)operand;
	if (status)
		return status;
	e = ledger_open_read(&l, path);
	if (!e)
		e = ledger_heads(&l, print_head, &n);
	if (e)
		status = fail_why(e, l.why, "name one with --ledger", "ledger %s", path);
	else if (!n)
		status = fail_why(E_IO, "no head in it", "one comes with each receipt", "ledger %s", path);
	ledger_close(&l);
	return status ? status : finish();
}

/* --- kif rebuild -------------------------------------------------------------------------------------------------- */

static int run_rebuild(int operands, char **operand)
{
	static struct client c;
	struct ledger l;
	char real[PATH_MAX];
	const char *path;
	int status = find_ledger(&path, true);
	enum err e;

	(void)operands, (void)operand;
	if (status)
		return status;
	if (!realpath(room, real))
		return fail_why(E_ROOM, "no such folder", err_hint(E_ROOM), "room %s", room);
	e = ledger_open(&l, path, NULL);
	if (e)
		return fail_why(e, l.why, "name another file with --ledger", "ledger %s", path);
	e = station_open(&c, room, STATION_SECONDS);
	if (e) {
		status = fail_why(e, *c.why ? c.why : err_text(e), err_hint(e), "room %s", room);
	} else {
		e = sync_rebuild(&l, &c, real);
		if (e == E_IO)
			status = fail_why(e, l.why, "it is as it was", "ledger %s", path);
		else if (e)
			status = fail_why(e, *c.why ? c.why : err_text(e), "the ledger is as it was",
					  "history of the room %s", room);
		client_close(&c);
	}
	ledger_close(&l);
	return status;
}

/* clang-format off */
#define ROOM { "room", "DIR", "the load room's folder", &room, true }
#define PORT { "port", "PORT", "/dev/ttyUSB0[:baud], tcp:host:port or unix:path", &port, true }
#define SERIAL { "serial", "S", "the terminal's serial", &serial, true }
#define TIMEOUT { "timeout", "SECONDS", "how long to wait for the terminal (usual: 20)", &timeout, false }
#define LEDGER { "ledger", "FILE", "the ledger (usual: ~/.local/state/keyroom/kif.db)", &ledger, false }
#define JSON { "json", NULL, "print JSON", &json, false }
#define END { NULL, NULL, NULL, NULL, false }
/* clang-format on */

static const struct opt inject_opts[] = {
	ROOM,
	PORT,
	SERIAL,
	{ "key-set", "ID", "the key set to load from", &key_set, true },
	{ "slot", "N", "the terminal's key slot, 0 to 7", &slot, true },
	TIMEOUT,
	LEDGER,
	JSON,
	END,
};
static const struct opt zeroize_opts[] = {
	ROOM,
	PORT,
	SERIAL,
	{ "slot", "N", "the terminal's key slot, 0 to 7, or all", &slot, true },
	{ "reason", "WHY", "reject, decommission or reload", &reason, true },
	TIMEOUT,
	LEDGER,
	JSON,
	END,
};
static const struct opt update_opts[] = {
	PORT, { "slot", "N", "the terminal's key slot, 0 to 7", &slot, true }, TIMEOUT, JSON, END,
};
static const struct opt list_opts[] = { LEDGER, JSON, END };
static const struct opt heads_opts[] = { LEDGER, END };
static const struct opt rebuild_opts[] = { ROOM, LEDGER, END };

static const struct command commands[] = {
	{ "inject", "", "Load one terminal, in a session that is open.", inject_opts, 0, 0, run_inject },
	{ "zeroize", "", "Empty a terminal's key slots, in a session that is open.", zeroize_opts, 0, 0, run_zeroize },
	{ "update", "FILE", "Give a slot the new initial key in a key block, under its update key: test rooms.",
	  update_opts, 1, 1, run_update },
	{ "list", "", "List all loads in the order of their last change.", list_opts, 0, 0, run_list },
	{ "show", "SERIAL", "Show a terminal's loads and what became of each.", list_opts, 1, 1, run_show },
	{ "heads", "", "Print the newest signed head of the room's audit, for bdk audit verify.", heads_opts, 0, 0, run_heads },
	{ "rebuild", "", "Make the ledger anew from the room's journal.", rebuild_opts, 0, 0, run_rebuild },
	{ NULL, NULL, NULL, NULL, 0, 0, NULL },
};

int main(int argc, char **argv)
{
	umask(077);
	return opt_run_commands(commands, "kif",
				"The station of a key-injection facility: it carries messages between a room "
				"and terminals, and keeps a ledger.",
				argc, argv);
}
