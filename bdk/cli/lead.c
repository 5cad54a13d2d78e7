/*
 * lead: a ceremony step by step, on a screen. It asks bdkd what the commands ask, through them; and it keeps nothing: which
 * ceremony is open, and how far it is, is what the room's audit says since it was opened. So whoever leaves, or is cut off, goes on
 * where it was.
 */
#include "base/host/fail.h"
#include "bdk/ceremony.h"
#include "bdk/cli/cli.h"
#include "bdk/cli/screen.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 96, SAID = 4096, ROWS_SHOWN = 6 };
static const char usual[] = "Enter: go on  b: back  q: leave  ?: help  (then Enter)";

enum turn { ON, STAY, BACK, LEAVE };

struct step {
	const char *title;
	bool (*done)(void);		/* as the audit has it */
	enum turn (*take)(void);
	const char *help;
};

struct kind {
	const char *word, *title;	/* the title of a ceremony that is led begins with this */
	const char *purposes;		/* "l": in which rooms */
	bool test;			/* in test rooms too */
	const struct step *step;
	size_t steps;
};

/* What bdkd says; read anew before each screen. */
static struct {
	char room[64], purpose[16], me[32];
	uint64_t test, software, sealed;
	uint64_t first;			/* record that opened the ceremony; 0: none is open */
	char title[TEXT];
	struct audit *act;		/* what was done in it, and refused; n of them */
	size_t n;
} now;

static struct client kept;		/* the one that all commands share */
static struct record request;
static const struct kind *kind;
static size_t at;			/* step */
static char said[SAID];			/* what the last command said, or what is wrong with what was typed */
static enum turn withdrawn;		/* BACK, LEAVE: what was typed while a second person was waited for */

/* --- What bdkd says ----------------------------------------------------------------------------------------------- */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(said, sizeof said, format, list);
	va_end(list);
}

static enum err call(uint16_t op, uint64_t since)
{
	record_begin(&request, op);
	if (since)
		record_put_number(&request, F_SINCE, since);
	return client_call(&kept, &request);
}

static enum err learn_acts(void)
{
	uint64_t more = 1, since = now.first - 1;
	struct span row;
	enum err e = E_OK;

	while (!e && more) {
		size_t walk = 0;

		e = call(OP_AUDIT, since);
		while (!e && field_next(&row, kept.fields, F_ROW, &walk)) {
			struct audit *grown = realloc(now.act, (now.n + 1) * sizeof *grown), *a;

			if (!grown)
				fail_memory();
			now.act = grown;
			a = &now.act[now.n];
			memset(a, 0, sizeof *a);
			e = field_number(&a->sequence, row, F_SEQUENCE, INT64_MAX);
			if (!e)
				e = field_number(&a->utc, row, F_TIME, INT64_MAX);
			if (!e && (field_text(a->who, sizeof a->who, row, F_WHO) || field_text(a->what, sizeof a->what, row, F_WHAT)))
				e = E_FORMAT;
			if (field_text(a->object, sizeof a->object, row, F_OBJECT))
				a->object[0] = 0;
			if (field_text(a->reason, sizeof a->reason, row, F_REASON))
				a->reason[0] = 0;
			now.n += !e;
		}
		if (!e)
			e = field_number(&more, kept.fields, F_MORE, 1);
		if (!e)
			e = field_number(&since, kept.fields, F_SEQUENCE, INT64_MAX);
	}
	return e;
}

static enum err learn_once(void)
{
	enum err e = call(OP_INFO, 0);

	now.n = 0;
	now.first = 0;
	now.title[0] = now.me[0] = 0;
	if (!e)
		e = field_text(now.room, sizeof now.room, kept.fields, F_NAME);
	if (!e)
		e = field_text(now.purpose, sizeof now.purpose, kept.fields, F_PURPOSE);
	if (!e)
		e = field_number(&now.test, kept.fields, F_TEST_ROOM, 1);
	if (!e)
		e = field_number(&now.software, kept.fields, F_SOFTWARE_TOKEN, 1);
	if (!e)
		e = field_number(&now.sealed, kept.fields, F_SEALED, 1);
	if (!e)
		e = call(OP_WHO, 0);
	if (!e && field_text(now.me, sizeof now.me, kept.fields, F_NAME))
		snprintf(now.me, sizeof now.me, "uid %u", (unsigned)getuid());
	if (e || now.sealed)
		return e;
	e = call(OP_LED, 0);
	if (!e && !field_number(&now.first, kept.fields, F_FIRST, INT64_MAX))
		e = field_text(now.title, sizeof now.title, kept.fields, F_OBJECT);
	return e || !now.first ? e : learn_acts();
}

/* Connects anew where bdkd was started again, or hung up on what was withdrawn. False, having said why. */
static bool learn(int *status)
{
	enum err e = kept.fd >= 0 ? learn_once() : E_UNREACHABLE;

	if (e == E_UNREACHABLE) {
		client_close(&kept);
		cli_kept = NULL;
		if (!cli_open(&kept, status))
			return false;
		cli_kept = &kept;
		e = learn_once();
	}
	if (e)
		*status = cli_fail(&kept, e, cli.room);
	return !e;
}

/* The last act of that name which was done, and whose object begins so; NULL: none */
static const struct audit *acted(const char *what, const char *object)
{
	for (size_t i = now.n; i-- > 0;)
		if (!*now.act[i].reason && !strcmp(now.act[i].what, what) && !strncmp(now.act[i].object, object, strlen(object)))
			return &now.act[i];
	return NULL;
}

/* --- Screens ------------------------------------------------------------------------------------------------------ */

/* "anna uid 60002, bert uid 60003" as "anna, bert" */
static void names(char *out, size_t size, const char *who)
{
	size_t len = 0;

	while (*who && len + 1 < size) {
		const char *uid = strstr(who, " uid "), *end = uid ? uid + 5 : who + strlen(who);

		if (!uid || uid == who) {
			snprintf(out + len, size - len, "%s", who);
			return;
		}
		len += (size_t)snprintf(out + len, size - len, "%.*s", (int)(uid - who), who);
		end += strspn(end, "0123456789");
		who = end + strspn(end, ", ");
		if (*who && len + 2 < size)
			len += (size_t)snprintf(out + len, size - len, ", ");
	}
}

static void begin(void)
{
	char top[200], time_text[CLI_TIME];

	cli_time(time_text, (uint64_t)time(NULL));
	snprintf(top, sizeof top, "%s room %s, %s token  %.10s %.5s UTC  %s", now.purpose, now.room, now.software ? "software" : "hardware",
		 time_text, time_text + 11, now.me);
	screen_begin(now.test ? "*** TEST *** TEST *** test keys only *** TEST *** TEST ***" : "", top);
	if (now.first)
		screen_say("Ceremony: %s", now.title);
}

/* What people want to see again: no refusals, and no passphrases. */
static bool shows(const struct audit *a)
{
	return !*a->reason && strcmp(a->what, "login") && strcmp(a->what, "approve");
}

/* The newest of what was done, with who did it. */
static void say_done(void)
{
	size_t shown = 0, from = now.n;

	while (from && shown < ROWS_SHOWN)
		shown += shows(&now.act[--from]);
	if (shown) {
		screen_say("%s", "");
		screen_say("%s", "Done so far:");
	}
	for (; from < now.n; from++) {
		const struct audit *a = &now.act[from];
		char who[sizeof a->who], utc[CLI_TIME];

		if (!shows(a))
			continue;
		names(who, sizeof who, a->who);
		cli_time(utc, a->utc);
		screen_say("  %.8s\t%s: %s %s", utc + 11, who, a->what, a->object);
	}
}

static void page(const char *what, const char *by)
{
	begin();
	screen_title("Step %zu of %zu: %s", at + 1, kind->steps, kind->step[at].title);
	screen_say("Now:\t%s", what);
	screen_say("By: \t%s", by);
	if (*said) {
		screen_say("%s", "");
		screen_text(said);
	}
	say_done();
}

static void help(void)
{
	char typed[TEXT];

	begin();
	screen_title("Help: %s", kind ? kind->step[at].title : "leading a ceremony");
	screen_text(kind ? kind->step[at].help : "Type a number.");
	screen_text("\nb goes back, to correct what was typed; what the room has written down stays, and is corrected by a remark.\n"
		    "q leaves. The ceremony stays open: bdk lead goes on where it was, also for another leader.\n"
		    "What needs a second person waits for one: bdk approve, in an own login.");
	screen_ask(typed, sizeof typed, "Enter: back to the step", "", -1, -1);
}

/* A page and an answer to it; help is shown here, and what was said before is said once. */
static enum screen_answer ask(char *out, size_t size, const char *what, const char *by, const char *before)
{
	enum screen_answer a;

	do {
		page(what, by);
		a = screen_ask(out, size, usual, before, -1, -1);
		if (a == SCREEN_HELP)
			help();
	} while (a == SCREEN_HELP);
	said[0] = 0;
	return a;
}

/* What an answer means where nothing is to be typed. */
static enum turn turn_of(enum screen_answer a)
{
	return a == SCREEN_LEAVE ? LEAVE : a == SCREEN_BACK ? BACK : a == SCREEN_ENTER ? ON : STAY;
}

/* --- Forms -------------------------------------------------------------------------------------------------------- */

struct field {
	const char *question, *label;
	char *value;
	size_t size;
	const char *(*wrong)(const char *); /* NULL: it may be anything; gives NULL, or what is wrong */
	bool optional;
};

/* Field by field, each correctable, and all of them once more before it is done. ON: do it */
static enum turn form(const struct field *f, size_t n, const char *by, const char *done)
{
	char typed[256], all[SAID];
	size_t i = 0, len = 0;

	while (i <= n) {
		enum screen_answer a;
		const char *wrong = NULL;

		if (i == n) {
			len = 0;
			for (size_t k = 0; k < n; k++)
				len += (size_t)snprintf(all + len, sizeof all - len, "  %-12s\t%s\n", f[k].label, *f[k].value ? f[k].value : "-");
			note("%s", all);
			a = ask(typed, 2, done, by, "");
			if (a == SCREEN_TEXT)
				continue;
		} else {
			a = ask(typed, f[i].size, f[i].question, by, f[i].value);
		}
		if (a == SCREEN_LEAVE || (a == SCREEN_BACK && !i))
			return turn_of(a);
		if (a == SCREEN_BACK) {
			i--;
			continue;
		}
		if (i < n && a == SCREEN_TEXT) {
			wrong = f[i].wrong ? f[i].wrong(typed) : NULL;
			if (!wrong)
				snprintf(f[i].value, f[i].size, "%s", strcmp(typed, "-") ? typed : "");
		}
		if (i < n && !wrong && !*f[i].value && !f[i].optional)
			wrong = "it is needed";
		if (wrong)
			note("%s: %s", *typed ? typed : f[i].label, wrong);
		else
			i++;
	}
	return ON;
}

/* --- Doing it ----------------------------------------------------------------------------------------------------- */

/* Whoever leads sees what the second person sees, and may withdraw it. */
static enum err wait_for_second(struct client *c)
{
	char *text = NULL, typed[2];
	size_t len = 0;
	enum screen_answer a;
	enum err e;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		fail_memory();
	cli_show_act(f, c->fields);
	if (fclose(f))
		fail_memory();
	record_begin(&request, OP_AWAIT);
	e = client_ask(c, &request);
	do {
		begin();
		screen_title("Step %zu of %zu: %s: a second person", at + 1, kind->steps, kind->step[at].title);
		screen_say("Now:\tanother person, in an own login, looks at this and agrees:");
		screen_say("     bdk approve --room %s DIGEST", cli.room);
		screen_text(text);
		a = e ? SCREEN_READY : screen_ask(typed, sizeof typed, "Waiting. b or q: withdraw it  (then Enter)", "", c->fd, -1);
	} while (a != SCREEN_READY && a != SCREEN_BACK && a != SCREEN_LEAVE);
	free(text);
	if (a == SCREEN_READY)
		return e ? e : client_answer(c, &request);
	withdrawn = turn_of(a);
	shutdown(c->fd, SHUT_RDWR);
	snprintf(c->why, sizeof c->why, "withdrawn: nothing was done");
	return E_LAPSED;
}

/* A command, as if it was typed; what it prints goes to said. */
static int run(cli_command *command, int operands, const char *const operand[])
{
	char *words[4] = { NULL };
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), to = memfd_create("said", MFD_CLOEXEC), status = EXIT_FAILURE;
	ssize_t n;

	if (out < 0 || err < 0 || to < 0)
		fail_memory();
	for (int i = 0; i < operands && i < 3; i++)
		words[i] = strdup(operand[i]);
	begin();
	screen_title("Step %zu of %zu: %s", at + 1, kind->steps, kind->step[at].title);
	screen_say("bdkd is asked.");
	screen_show();
	withdrawn = ON;
	fflush(stdout);
	if (dup2(to, STDOUT_FILENO) >= 0 && dup2(to, STDERR_FILENO) >= 0)
		status = command(operands, words);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	n = pread(to, said, sizeof said - 1, 0);
	said[n > 0 ? n : 0] = 0;
	close(out);
	close(err);
	close(to);
	for (int i = 0; i < 3; i++)
		free(words[i]);
	return status;
}

/* A command that has a dialogue of its own with whoever types, on a connection of its own: what is begun there ends with it. */
static void run_alone(cli_command *command)
{
	char *none[] = { NULL };

	begin();
	screen_title("Step %zu of %zu: %s", at + 1, kind->steps, kind->step[at].title);
	screen_show();
	cli_kept = NULL;
	command(0, none);
	fflush(stdout);
	cli_kept = &kept;
	screen_pause();
}

/* What follows it: on, or the same step again, or away. */
static enum turn after(int status)
{
	return withdrawn == LEAVE ? LEAVE : status ? STAY : ON;
}

static enum turn write_down(const char *what, const char *text)
{
	return after(run(cli_ceremony, 2, (const char *const[]){ what, text }));
}

/* --- Steps of every ceremony -------------------------------------------------------------------------------------- */

static bool is_open(void)
{
	return now.first;
}

static enum turn open_it(void)
{
	static char text[56];
	char title[TEXT];
	const struct field f[] = { { "Say what this ceremony is for: which keys, for whom. It is the title of its record.", "title", text,
				     sizeof text, NULL, false } };
	enum turn t;

	if (now.first)
		return turn_of(ask(title, 2, "The ceremony is open; its title stays.", "whoever leads", ""));
	t = form(f, 1, "whoever leads", "Open the ceremony. Enter opens it.");
	if (t != ON)
		return t;
	snprintf(title, sizeof title, "%s: %s", kind->title, text);
	return write_down("open", title);
}

static size_t present(void)
{
	size_t n = 0;

	for (size_t i = 0; i < now.n; i++)
		n += ceremony_note(&now.act[i], "present") != NULL;
	return n;
}

static bool two_present(void)
{
	return present() >= 2;
}

static enum turn who_is_here(void)
{
	char name[64], text[TEXT];
	enum screen_answer a = ask(name, sizeof name,
				   "Type the name of one who is here, and what he does here: Ada Byron, custodian. Enter alone goes on once "
				   "all are named. -NAME corrects: that one is not here.",
				   "whoever leads; everybody signs the record in the end", "");

	if (a == SCREEN_TEXT && *name == '-') {
		snprintf(text, sizeof text, "correction: %s is not here", name + 1);
		write_down("remark", text);
		return withdrawn == LEAVE ? LEAVE : STAY;
	}
	if (a == SCREEN_TEXT) {
		write_down("present", name);
		return withdrawn == LEAVE ? LEAVE : STAY;
	}
	if (a == SCREEN_ENTER && !two_present()) {
		note("At least two are here, or it is no ceremony.");
		return STAY;
	}
	return turn_of(a);
}

/* The newest check value of the ceremony, and the key it is of; false: there is none yet */
static bool newest_value(char *key, size_t size, const char **value)
{
	for (size_t i = now.n; i-- > 0;) {
		int of;

		*value = ceremony_check_value(&now.act[i], &of);
		if (!*value)
			continue;
		snprintf(key, size, "%.*s", of, now.act[i].object);
		return true;
	}
	return false;
}

static bool value_compared(void)
{
	char key[128], text[TEXT];
	const char *value;

	if (!newest_value(key, sizeof key, &value))
		return false;
	snprintf(text, sizeof text, "remark: check value %s", value);
	return acted("ceremony", text) != NULL;
}

static enum turn compare(void)
{
	char key[128], typed[32], what[300], text[TEXT], plain[32] = "";
	const char *value;
	enum screen_answer a;
	size_t n = 0;

	if (!newest_value(key, sizeof key, &value)) {
		note("There is no key yet in this ceremony.");
		return BACK;
	}
	snprintf(what, sizeof what, "The check value of %s is on this screen: %s. Somebody else reads it aloud from another screen (bdk list) or from "
		 "the paper. Type what is read.", key, value);
	a = ask(typed, sizeof typed, what, "another person reads, whoever leads types", "");
	if (a != SCREEN_TEXT && (a != SCREEN_ENTER || value_compared()))
		return turn_of(a);
	for (const char *p = typed; *p; p++)
		if (*p != ' ' && *p != '-')
			plain[n++] = (char)toupper((unsigned char)*p);
	plain[n] = 0;
	if (a == SCREEN_ENTER || strcmp(plain, value)) {
		note("%s is NOT %s. Read and type it again; if it stays so, leave and suspend the key: bdk suspend.",
		     a == SCREEN_ENTER ? "Nothing" : typed, value);
		return STAY;
	}
	snprintf(text, sizeof text, "check value %s read aloud: the same", value);
	return write_down("remark", text);
}

/* --- Media -------------------------------------------------------------------------------------------------------- */

/* The bags of this ceremony, and how many of them still need a disposition. */
static size_t bags(bool say)
{
	uint64_t more = 1, since = 0;
	size_t needed = 0;
	struct span row;

	while (more && !call(OP_BAGS, since)) {
		size_t walk = 0;

		while (field_next(&row, kept.fields, F_ROW, &walk)) {
			char number[32], medium[16], holds[32], state[16], disposition[16], place[40];
			uint64_t needs = 0, ceremony = 0, part = 0, parts = 0;
			char which[32] = "";

			if (field_number(&ceremony, row, F_NUMBER, INT64_MAX) || ceremony != now.first ||
			    field_number(&needs, row, F_NEEDED, 1) || field_text(number, sizeof number, row, F_BAG) ||
			    field_text(medium, sizeof medium, row, F_MEDIUM) || field_text(state, sizeof state, row, F_STATE) ||
			    field_text(disposition, sizeof disposition, row, F_DISPOSITION))
				continue;
			if (field_text(holds, sizeof holds, row, F_HOLDS))
				holds[0] = 0;
			if (field_text(place, sizeof place, row, F_PLACE))
				place[0] = 0;
			if (!field_number(&part, row, F_PART, UINT8_MAX) && !field_number(&parts, row, F_PARTS, UINT8_MAX))
				snprintf(which, sizeof which, " %u of %u", (unsigned)part, (unsigned)parts);
			needed += needs;
			if (say)
				snprintf(said + strlen(said), sizeof said - strlen(said), "  %-12s\t%s%s%s%s, %s, %s%s%s\n", number, medium, which,
					 *holds ? " of " : "", holds, state, needs ? "NO DISPOSITION YET" : disposition, *place ? " " : "", place);
		}
		if (field_number(&more, kept.fields, F_MORE, 1) || field_number(&since, kept.fields, F_SEQUENCE, INT64_MAX))
			more = 0;
	}
	return needed;
}

static bool no_bag_left(void)
{
	return !bags(false);
}

static const char *wrong_part(const char *text)
{
	return strcmp(text, "-") && (strlen(text) != 3 || text[1] != '/' || !isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[2])) ?
		       "1/3 is the first of three; - for no part" : NULL;
}

static enum turn record_bag(const char *number)
{
	static char medium[16] = "component", part[8], holds[25], keeper[16], purpose[33];
	const struct field f[] = {
		{ "What is in it? component, share, card, key-block or mailer.", "medium", medium, sizeof medium, NULL, false },
		{ "Which part of how many? 1/3; - for no part.", "part", part, sizeof part, wrong_part, true },
		{ "Of which key set or KBPK? - for none.", "key", holds, sizeof holds, NULL, true },
		{ "Who keeps it? One name, small letters.", "custodian", keeper, sizeof keeper, NULL, false },
		{ "What is it for?", "purpose", purpose, sizeof purpose, NULL, false },
	};
	enum turn t = form(f, sizeof f / sizeof *f, "whoever leads, the bag in sight of all", "Record the bag. Enter does it.");

	if (t != ON)
		return t == BACK ? STAY : t;
	cli.medium = medium;
	cli.part = *part ? part : NULL;
	cli.holds = *holds ? holds : NULL;
	cli.keeper = keeper;
	cli.purpose = purpose;
	run(cli_bag, 2, (const char *const[]){ "record", number });
	return withdrawn == LEAVE ? LEAVE : STAY;
}

static enum turn found_bag(const char *word, const char *number)
{
	static char reason[33];
	const struct field f[] = { { "What is seen? It goes into the audit, and the key is suspended at once.", "reason", reason, sizeof reason,
				     NULL, false } };
	enum turn t = form(f, 1, "whoever found it", "Report it. Enter does it.");

	if (t != ON)
		return t == BACK ? STAY : t;
	cli.reason = reason;
	run(cli_bag, 2, (const char *const[]){ word, number });
	cli.reason = NULL;
	return withdrawn == LEAVE ? LEAVE : STAY;
}

static enum turn move_bag(const char *number)
{
	static char to[16], place[33];
	const struct field f[] = {
		{ "What became of it? re-bagged, destroyed, returned, stored or sent.", "disposition", to, sizeof to, NULL, false },
		{ "The new bag's number (re-bagged), where (stored), to whom (sent); - for nothing.", "place", place, sizeof place, NULL, true },
	};
	enum turn t = form(f, 2, "two people who see it", "Write it down: it takes a second person. Enter asks bdkd.");

	if (t != ON)
		return t == BACK ? STAY : t;
	cli.to = to;
	cli.place = *place ? place : NULL;
	if (!run(cli_bag, 2, (const char *const[]){ "move", number }))
		to[0] = place[0] = 0;
	return withdrawn == LEAVE ? LEAVE : STAY;
}

static enum turn media(void)
{
	char typed[40], word[16] = "", number[24] = "";
	enum screen_answer a;
	size_t needed;

	needed = bags(true);
	a = ask(typed, sizeof typed, "Every medium that was made or opened here has a bag and a place. Type record, open, damaged, missing or move, and a "
		"bag's number: record A4711. Enter alone goes on once none is without a disposition.", "those who hold the media", "");
	if (a == SCREEN_ENTER && needed) {
		note("%zu without a disposition.\n", needed);
		return STAY;
	}
	if (a != SCREEN_TEXT)
		return turn_of(a);
	if (sscanf(typed, "%15s %23s", word, number) != 2) {
		note("A word and a bag's number: move A4711\n");
		return STAY;
	}
	if (!strcmp(word, "record"))
		return record_bag(number);
	if (!strcmp(word, "move"))
		return move_bag(number);
	if (!strcmp(word, "damaged") || !strcmp(word, "missing"))
		return found_bag(word, number);
	if (!strcmp(word, "open")) {
		run(cli_bag, 2, (const char *const[]){ "open", number });
		return withdrawn == LEAVE ? LEAVE : STAY;
	}
	note("%s: record, open, damaged, missing or move\n", word);
	return STAY;
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

static bool closed;

static bool is_closed(void)
{
	return closed;
}

static enum turn close_it(void)
{
	static char text[72];
	const struct field f[] = { { "Say how it ended; a remark, or what was locked away where.", "ending", text, sizeof text, NULL, false } };
	enum turn t;

	if (closed)
		return turn_of(ask(text, 2, "The ceremony is closed, and stays so.", "whoever leads", ""));
	t = form(f, 1, "whoever leads", "Close the ceremony. Enter closes it; nothing is added afterwards.");
	if (t != ON)
		return t;
	t = write_down("close", text);
	closed = t == ON;
	return t;
}

static bool never(void)
{
	return false;
}

static enum turn print_it(void)
{
	static char name[128] = "ceremony";
	static bool written;
	char typed[2], what[360];
	const struct field f[] = { { "Where does the record go? NAME gets NAME.txt, signed by the room, and NAME.html, to print.", "name", name,
				     sizeof name, NULL, false } };
	enum turn t;

	if (!written) {
		t = form(f, 1, "whoever leads", "Write the record. Enter does it.");
		if (t != ON)
			return t;
		cli.out = name;
		written = !run(cli_ceremony, 1, (const char *const[]){ "record" });
		return withdrawn == LEAVE ? LEAVE : STAY;
	}
	snprintf(what, sizeof what, "Print %s.html; everybody who was here reads it and signs. Keep it with %s.txt.", name, name);
	return turn_of(ask(typed, sizeof typed, what, "everybody", ""));
}

#define OPEN                                                                                                                           \
	{ "Open the ceremony", is_open, open_it,                                                                                       \
	  "A ceremony is written down from its opening to its closing: who was here, every act and refusal. One is open at a time." }, \
	{ "Who is here", two_present, who_is_here,                                                                                     \
	  "Everybody who is here is named, also who only watches. The names stand in the record, each with a line to sign on." }
#define COMPARE                                                                                                                      \
	{ "Compare the check value", value_compared, compare,                                                                        \
	  "The check value says that all speak of one key, and tells nothing about it. Whoever reads it aloud does so from an own " \
	  "screen or paper, not from this one." }
#define CLOSE                                                                                                                          \
	{ "Media", no_bag_left, media,                                                                                                 \
	  "Paper, cards and disks that carry keys or parts of them lie in bags with numbers, each used once. What was opened gets a " \
	  "new bag or is destroyed. A damaged or missing bag suspends its key at once; one person may report it." },                  \
	{ "Close the ceremony", is_closed, close_it, "It closes once every medium has a disposition." },                              \
	{ "The record, to print and to sign", never, print_it,                                                                         \
	  "The text is signed by the room; the page shows it. bdk ceremony verify checks the text anywhere." }

/* --- A key set for an acquirer ------------------------------------------------------------------------------------ */

static char package_file[128];

static bool generated(void)
{
	return acted("generate", "") != NULL;
}

static const char *wrong_scheme(const char *text)
{
	return strcmp(text, "tdes") && strcmp(text, "aes128") && strcmp(text, "aes192") && strcmp(text, "aes256") ?
		       "tdes, aes128, aes192 or aes256" : NULL;
}

static const char *wrong_certificate(const char *path)
{
	return access(path, R_OK) ? strerror(errno) : NULL;
}

static const char *wrong_package(const char *path)
{
	return access(path, F_OK) ? NULL : "is there already: choose another name";
}

static enum turn generate(void)
{
	static char scheme[16] = "aes128", certificate[128], id[16];
	const struct field f[] = {
		{ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme", scheme, sizeof scheme, wrong_scheme, false },
		{ "The file with the acquirer room's certificate.", "certificate", certificate, sizeof certificate, wrong_certificate, false },
		{ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES). Enter or -: a random one.", "id", id, sizeof id, NULL, true },
		{ "The file that the package for the acquirer goes to.", "package", package_file, sizeof package_file, wrong_package, false },
	};
	enum turn t = form(f, sizeof f / sizeof *f, "whoever leads, a custodian", "Generate the key set: it takes a second custodian. Enter asks bdkd.");

	if (t != ON)
		return t;
	cli.scheme = scheme;
	cli.recipient = certificate;
	cli.id = *id ? id : NULL;
	cli.out = package_file;
	return after(run(cli_generate, 0, NULL));
}

static bool generated_block(void)
{
	return acted("generate-block", "") != NULL;
}

static enum turn generate_block(void)
{
	static char scheme[16] = "aes128", under[16], id[16], export[4] = "N";
	const struct field f[] = {
		{ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme", scheme, sizeof scheme, wrong_scheme, false },
		{ "Under which KBPK? bdk kbpk list shows them.", "KBPK", under, sizeof under, NULL, false },
		{ "May whoever gets it give it on? E, S or N.", "exportability", export, sizeof export, NULL, false },
		{ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES). Enter or -: a random one.", "id", id, sizeof id, NULL, true },
		{ "The file that the key block goes to.", "key block", package_file, sizeof package_file, wrong_package, false },
	};
	enum turn t = form(f, sizeof f / sizeof *f, "whoever leads, a custodian", "Generate the key set: it takes a second custodian. Enter asks bdkd.");

	if (t != ON)
		return t;
	cli.scheme = scheme;
	cli.under = under;
	cli.exportability = export;
	cli.id = *id ? id : NULL;
	cli.out = package_file;
	t = after(run(cli_generate, 0, NULL));
	cli.under = cli.exportability = NULL;
	return t;
}

static bool imported_block(void)
{
	return acted("import-block", "") != NULL;
}

static enum turn import_block(void)
{
	static char file[128], under[16], id[16];
	const struct field f[] = {
		{ "The file with the key block.", "key block", file, sizeof file, wrong_certificate, false },
		{ "Under which KBPK? bdk kbpk list shows them.", "KBPK", under, sizeof under, NULL, false },
		{ "The id of the key set, where the key block names none; Enter or -: it names one.", "id", id, sizeof id, NULL, true },
	};
	enum turn t = form(f, sizeof f / sizeof *f, "whoever leads, a custodian", "Import it: it takes a second custodian. Enter asks bdkd.");

	if (t != ON)
		return t;
	cli.under = under;
	cli.id = *id ? id : NULL;
	t = after(run(cli_import, 1, (const char *const[]){ file }));
	cli.under = cli.id = NULL;
	return t;
}

static bool package_goes(void)
{
	return acted("ceremony", "media: package of ") || acted("ceremony", "media: key block of ");
}

static enum turn hand_over(void)
{
	const struct audit *package = acted("generate", ""), *made = package ? package : acted("generate-block", "");
	char typed[56], text[TEXT], what[300];
	enum screen_answer a;

	if (!made)
		return BACK;
	snprintf(what, sizeof what, "%s%s%s is for its receiver alone, and may travel by any way. Say how it goes, and to whom. (bdk package "
		 "writes it once more.)", package ? "The package" : "The key block", *package_file ? " in " : "", package_file);
	a = ask(typed, sizeof typed, what, "whoever takes it along", "");
	if (a != SCREEN_TEXT && (a != SCREEN_ENTER || package_goes()))
		return turn_of(a);
	if (a == SCREEN_ENTER)
		return STAY;
	snprintf(text, sizeof text, "%s of %.*s: %s", package ? "package" : "key block", (int)strcspn(made->object, ", "), made->object, typed);
	return write_down("media", text);
}

static const struct step generating[] = {
	OPEN,
	{ "Generate the key set", generated, generate,
	  "The key is made in the room's token, and wrapped for the acquirer at once; nobody sees it. Two custodians do it: the second sees the same "
	  "lines and the same digest, and agrees." },
	COMPARE,
	{ "The package", package_goes, hand_over, "It opens in the acquirer's token alone. bdk import takes it there, and shows the same check value." },
	CLOSE,
};

static const struct step generating_block[] = {
	OPEN,
	{ "Generate the key set", generated_block, generate_block,
	  "The key is made in the room's token, and written once, at birth, as an X9.143 key block under a KBPK that both sites have. Two custodians do it." },
	COMPARE,
	{ "The key block", package_goes, hand_over, "It opens under the KBPK alone, and shows the same check value there." },
	CLOSE,
};

static const struct step importing_block[] = {
	OPEN,
	{ "Import the key block", imported_block, import_block,
	  "It is opened in the token's process alone, under a KBPK that both sites have; usage, mode and exportability in it are honoured." },
	COMPARE,
	CLOSE,
};

/* --- A key set out of components ---------------------------------------------------------------------------------- */

static bool entered(void)
{
	char key[128];
	const char *value;

	return newest_value(key, sizeof key, &value);
}

/* How far it is; false: nothing is being entered, or that is not for this person to know. */
static bool entering(void)
{
	char who[32], id[16], scheme[16];
	uint64_t n, given, seconds;
	enum err e = call(OP_ENTERING, 0);
	int status = 0;

	if (e == E_LOGIN && cli_login(&kept, &request, &status))
		e = call(OP_ENTERING, 0);
	if (e || field_text(who, sizeof who, kept.fields, F_WHO) || field_text(id, sizeof id, kept.fields, F_KEY_SET) ||
	    field_text(scheme, sizeof scheme, kept.fields, F_SCHEME) || field_number(&n, kept.fields, F_COUNT, 9) ||
	    field_number(&given, kept.fields, F_GIVEN, 9) || field_number(&seconds, kept.fields, F_SECONDS, INT32_MAX))
		return false;
	note("Key set %s (%s), begun by %s: %u of %u components are in.", id, scheme, who, (unsigned)given, (unsigned)n);
	return true;
}

static const char *wrong_number(const char *text)
{
	return text[1] || *text < '2' || *text > '9' ? "2 to 9" : NULL;
}

static void forget_entry(void)
{
	cli.components = cli.join = cli.scheme = cli.id = cli.check_value = cli.bag = NULL;
}

/* The first of the custodians says what is entered, and gives the first component. */
static enum turn begin_entry(void)
{
	static char n[4], scheme[16] = "tdes", id[16], value[16], bag[16];
	const struct field f[] = {
		{ "How many components are there? 2 to 9, each of another custodian.", "components", n, sizeof n, wrong_number, false },
		{ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme", scheme, sizeof scheme, wrong_scheme, false },
		{ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES).", "id", id, sizeof id, NULL, false },
		{ "The key's check value on the paper; - if there is none: then all are asked.", "check value", value, sizeof value, NULL, true },
		{ "The bag that your own component came in.", "bag", bag, sizeof bag, NULL, false },
	};
	enum turn t = form(f, sizeof f / sizeof *f, "the first of the custodians",
			   "Begin. Enter asks for your own component, which nobody sees.");

	if (t != ON)
		return t == BACK ? STAY : t;
	cli.components = n;
	cli.scheme = scheme;
	cli.id = id;
	cli.check_value = *value ? value : NULL;
	cli.bag = bag;
	run_alone(cli_import);
	forget_entry();
	return STAY;
}

static enum turn join_entry(void)
{
	static char bag[16];
	const struct field f[] = { { "The bag that your component came in.", "bag", bag, sizeof bag, NULL, false } };
	enum turn t = form(f, 1, "another of the custodians", "Give it. Enter asks for your component, which nobody sees.");

	if (t != ON)
		return t == BACK ? STAY : t;
	cli.join = "yes";
	cli.bag = bag;
	run_alone(cli_import);
	forget_entry();
	return STAY;
}

static enum turn enter(void)
{
	char typed[8];
	enum screen_answer a;
	bool going;

	if (entered())
		return turn_of(ask(typed, 2, "The key set is here.", "whoever leads", ""));
	going = entering();
	page(going ? "Each custodian in turn, at an own terminal: bdk lead, and give; or bdk import --join. give gives one at this terminal." :
		     "The first custodian begins, at this terminal or an own one: begin.", "the custodians, each with a component");
	said[0] = 0;
	a = screen_ask(typed, sizeof typed, usual, "", -1, 1000);
	if (a == SCREEN_HELP)
		help();
	if (a == SCREEN_TEXT && !strcmp(typed, "begin") && !going)
		return begin_entry();
	if (a == SCREEN_TEXT && !strcmp(typed, "give") && going)
		return join_entry();
	if (a == SCREEN_TEXT || a == SCREEN_ENTER)
		note("%s", going ? "give, or wait for the others" : "begin, or wait for the first");
	return a == SCREEN_LEAVE ? LEAVE : a == SCREEN_BACK ? BACK : STAY;
}

static const struct step entering_steps[] = {
	OPEN,
	{ "Enter the components", entered, enter,
	  "Each custodian types his own component, group by group, and sees its check value; nobody sees another's. All stay at their terminals "
	  "until the key's check value is confirmed: whoever leaves ends it, and everything that was typed is wiped." },
	COMPARE,
	CLOSE,
};

/* --- Other custodians --------------------------------------------------------------------------------------------- */

static bool changed(void)
{
	const struct audit *entrusting = acted("entrusting", ""), *entrust = acted("entrust", "");

	return entrusting && entrust && entrust->sequence > entrusting->sequence;
}

/* Who they are, who is next and who has come; is a change under way? */
static bool custodians(bool say)
{
	size_t walk = 0;
	struct span row;

	if (call(OP_CUSTODIANS, 0))
		return false;
	while (say && field_next(&row, kept.fields, F_ROW, &walk)) {
		char name[32], state[32];

		if (!field_text(name, sizeof name, row, F_NAME) && !field_text(state, sizeof state, row, F_STATE))
			snprintf(said + strlen(said), sizeof said - strlen(said), "  %-15s\t%s\n", name, state);
	}
	return field_get(kept.fields, F_HASH).p != NULL;
}

static bool under_way(void)
{
	return changed() || custodians(false);
}

static enum turn change(void)
{
	static char list[256], m[4], k[4];
	const struct field f[] = {
		{ "Who they are from now on: NAME=LOGIN,NAME=LOGIN,...", "custodians", list, sizeof list, NULL, false },
		{ "How many of them unlock the room? 2 or more.", "unlock", m, sizeof m, NULL, false },
		{ "How many of them change custodians? As many or more; Enter or -: as many.", "change", k, sizeof k, NULL, true },
	};
	enum turn t;

	if (under_way())
		return turn_of(ask(m, 2, "The change has begun.", "whoever leads", ""));
	custodians(true);
	t = form(f, 3, "whoever leads, a custodian", "Begin the change: all of them have ten minutes. Enter asks bdkd.");
	if (t != ON)
		return t;
	cli.change = list;
	cli.threshold = m;
	cli.so_threshold = *k ? k : NULL;
	return after(run(cli_custodians, 0, NULL));
}

static enum turn entrust(void)
{
	char typed[4];
	enum screen_answer a;
	bool waits;

	note("%s", "");
	waits = custodians(true);
	if (changed() || !waits) {
		if (!changed())
			note("The change has lapsed, or was withdrawn: go back and begin it again.");
		a = ask(typed, sizeof typed, changed() ? "The custodians have changed, and the token's PINs with them." : "Go back.", "whoever leads", "");
		return a == SCREEN_ENTER && !changed() ? BACK : turn_of(a);
	}
	page("Each of them, in an own login, runs bdk entrust, compares the digest and types a passphrase: all who are next, and enough of those who "
	     "are it now.", "the custodians, at their own screens");
	said[0] = 0;
	a = screen_ask(typed, sizeof typed, usual, "", -1, 1000);
	if (a == SCREEN_HELP)
		help();
	return a == SCREEN_LEAVE ? LEAVE : a == SCREEN_BACK ? BACK : STAY;
}

static const struct step changing[] = {
	OPEN,
	{ "Begin the change", under_way, change, "The PINs of the token change with its custodians; whoever is not among the next ones opens nothing any more." },
	{ "Every custodian entrusts", changed, entrust, "What each of them types is seen by nobody; all compare the digest that bdk entrust shows." },
	CLOSE,
};

/* --- Leading ------------------------------------------------------------------------------------------------------ */

#define STEPS(s) s, sizeof(s) / sizeof *(s)
static const struct kind kinds[] = {
	{ "generate", "Key set for an acquirer", "l", true, STEPS(generating) },
	{ "block-out", "Key set for a receiver, in a key block", "l", true, STEPS(generating_block) },
	{ "block-in", "Key set out of a key block", "la", true, STEPS(importing_block) },
	{ "components", "Key set out of components", "la", true, STEPS(entering_steps) },
	{ "custodians", "Other custodians", "cla", false, STEPS(changing) },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Is it for this room? */
static bool fits(const struct kind *k)
{
	return strchr(k->purposes, now.purpose[0]) && (k->test || !now.test);
}

/* By the title of the ceremony that is open; NULL: it was not opened here */
static const struct kind *kind_of_title(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		size_t n = strlen(kinds[i].title);

		if (!strncmp(now.title, kinds[i].title, n) && now.title[n] == ':')
			return &kinds[i];
	}
	return NULL;
}

/* False: to leave */
static bool choose(void)
{
	char typed[8];

	while (!kind) {
		enum screen_answer a;
		size_t n = 0;

		begin();
		screen_title("Which ceremony?");
		for (size_t i = 0; i < KINDS; i++)
			if (fits(&kinds[i]))
				screen_say("  %zu  %s", ++n, kinds[i].title);
		screen_text(said);
		said[0] = 0;
		a = screen_ask(typed, sizeof typed, "A number: that one  q: leave  ?: help  (then Enter)", "", -1, -1);
		if (a == SCREEN_LEAVE)
			return false;
		if (a == SCREEN_HELP)
			help();
		n = a == SCREEN_TEXT ? (size_t)strtoul(typed, NULL, 10) : 0;
		for (size_t i = 0; n && i < KINDS; i++)
			if (fits(&kinds[i]) && !--n)
				kind = &kinds[i];
	}
	return true;
}

/* A production room that is locked: its custodians come first. False: to leave */
static bool until_unlocked(int *status)
{
	char typed[4];

	while (now.sealed) {
		begin();
		screen_title("The room is locked");
		screen_say("Now:\tits custodians unlock it, each from an own login: bdk unlock --room %s", cli.room);
		if (screen_ask(typed, sizeof typed, "Waiting. q: leave  (then Enter)", "", -1, 1000) == SCREEN_LEAVE || !learn(status))
			return false;
	}
	return true;
}

static void lead(int *status)
{
	enum turn t = ON;

	for (at = 0; at < kind->steps && kind->step[at].done(); at++)
		;
	while (t != LEAVE && at < kind->steps) {
		t = kind->step[at].take();
		if (t != LEAVE && !learn(status))
			return;
		if (t == ON)
			at++;
		else if (t == BACK && at)
			at--;
	}
}

int cli_lead(int operands, char **operand)
{
	int status = 0;
	enum err (*alone)(struct client *) = cli_await;

	kept.fd = -1;
	if (!learn(&status))
		return status;
	for (size_t i = 0; operands && !kind && i < KINDS; i++)
		if (!strcmp(operand[0], kinds[i].word))
			kind = &kinds[i];
	if (operands && !kind)
		return fail_why(E_USAGE, "is no ceremony that is led", "bdk lead --help tells more", "%s", operand[0]);
	if (kind && !fits(kind))
		return fail_say(E_ROOM_PURPOSE, "%s", operand[0]);
	if (!screen_open(&status))
		return status;
	cli_await = wait_for_second;
	setvbuf(stdout, NULL, _IOLBF, 0); /* what commands print on it and on stderr stays in order */
	if (!until_unlocked(&status))
		goto done;
	if (now.first) {
		const struct kind *open = kind_of_title();

		if (!open || (kind && kind != open))
			status = fail_why(E_EXISTS, "is open, and another one", open ? "bdk lead without a word goes on with it" : "bdk ceremony close closes it",
					  "%s", now.title);
		kind = open;
	}
	if (!status && choose())
		lead(&status);
done:
	cli_await = alone;
	cli_kept = NULL;
	screen_close();
	if (!status && now.first)
		printf("left; the ceremony is open, and bdk lead goes on with it: %s\n", now.title);
	client_close(&kept);
	free(now.act);
	return status;
}
