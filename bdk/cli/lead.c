/*
 * lead: a ceremony step by step, on a screen. It asks bdkd what the commands ask, through them; and it keeps nothing: which
 * ceremony is open, and how far it is, is what the room's audit says since it was opened. So whoever leaves, or is cut off, goes on
 * where it was.
 */
#include "bdk/cli/lead.h"
#include "base/host/fail.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_SHOWN = 4 };
static const char usual[] = "Enter: go on  b: back  q: leave  ?: help  (then Enter)";

struct lead_now lead_now;
struct client lead_kept;
char lead_said[LEAD_SAID];
enum turn lead_withdrawn;

static struct record request;
const struct lead_kind *lead_kind;
static size_t at; /* step */

/* --- What bdkd says ----------------------------------------------------------------------------------------------- */

void lead_note(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(lead_said, sizeof lead_said, format, list);
	va_end(list);
}

enum err lead_call(uint16_t op, uint64_t since)
{
	record_begin(&request, op);
	if (since)
		record_put_number(&request, F_SINCE, since);
	return client_call(&lead_kept, &request);
}

bool lead_login(void)
{
	int status = 0;

	return cli_login(&lead_kept, &request, &status);
}

static enum err learn_acts(void)
{
	uint64_t more = 1, since = lead_now.first - 1;
	struct span row;
	enum err e = E_OK;

	while (!e && more) {
		size_t walk = 0;

		e = lead_call(OP_AUDIT, since);
		while (!e && field_next(&row, lead_kept.fields, F_ROW, &walk)) {
			struct audit *grown = realloc(lead_now.act, (lead_now.n + 1) * sizeof *grown), *a;

			if (!grown)
				fail_memory();
			lead_now.act = grown;
			a = &lead_now.act[lead_now.n];
			memset(a, 0, sizeof *a);
			e = field_number(&a->sequence, row, F_SEQUENCE, INT64_MAX);
			if (!e)
				e = field_number(&a->utc, row, F_TIME, INT64_MAX);
			if (!e && (field_text(a->who, sizeof a->who, row, F_WHO) ||
				   field_text(a->what, sizeof a->what, row, F_WHAT)))
				e = E_FORMAT;
			if (field_text(a->object, sizeof a->object, row, F_OBJECT))
				a->object[0] = 0;
			if (field_text(a->reason, sizeof a->reason, row, F_REASON))
				a->reason[0] = 0;
			lead_now.n += !e;
		}
		if (!e)
			e = field_number(&more, lead_kept.fields, F_MORE, 1);
		if (!e)
			e = field_number(&since, lead_kept.fields, F_SEQUENCE, INT64_MAX);
	}
	return e;
}

static enum err learn_once(void)
{
	enum err e = lead_call(OP_INFO, 0);

	lead_now.n = 0;
	lead_now.first = 0;
	lead_now.title[0] = lead_now.me[0] = 0;
	if (!e)
		e = field_text(lead_now.room, sizeof lead_now.room, lead_kept.fields, F_NAME);
	if (!e)
		e = field_text(lead_now.purpose, sizeof lead_now.purpose, lead_kept.fields, F_PURPOSE);
	if (!e)
		e = field_number(&lead_now.test, lead_kept.fields, F_TEST_ROOM, 1);
	if (!e)
		e = field_number(&lead_now.software, lead_kept.fields, F_SOFTWARE_TOKEN, 1);
	if (!e)
		e = field_number(&lead_now.sealed, lead_kept.fields, F_SEALED, 1);
	if (!e)
		e = lead_call(OP_WHO, 0);
	if (!e && field_text(lead_now.me, sizeof lead_now.me, lead_kept.fields, F_NAME))
		snprintf(lead_now.me, sizeof lead_now.me, "uid %u", (unsigned)getuid());
	if (e || lead_now.sealed)
		return e;
	e = lead_call(OP_LED, 0);
	if (!e && !field_number(&lead_now.first, lead_kept.fields, F_FIRST, INT64_MAX))
		e = field_text(lead_now.title, sizeof lead_now.title, lead_kept.fields, F_OBJECT);
	return e || !lead_now.first ? e : learn_acts();
}

/* Connects anew where bdkd was started again, or hung up on what was withdrawn. False, having said why. */
static bool learn(int *status)
{
	enum err e = lead_kept.fd >= 0 ? learn_once() : E_UNREACHABLE;

	if (e == E_UNREACHABLE) {
		client_close(&lead_kept);
		cli_kept = NULL;
		if (!cli_open(&lead_kept, status))
			return false;
		cli_kept = &lead_kept;
		e = learn_once();
	}
	if (e)
		*status = cli_fail(&lead_kept, e, cli.room);
	return !e;
}

/* The last act of that name which was done, and whose object begins so; NULL: none */
const struct audit *lead_acted(const char *what, const char *object)
{
	for (size_t i = lead_now.n; i-- > 0;)
		if (!*lead_now.act[i].reason && !strcmp(lead_now.act[i].what, what) &&
		    !strncmp(lead_now.act[i].object, object, strlen(object)))
			return &lead_now.act[i];
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
	snprintf(top, sizeof top, "%s room %s, %s token  %.10s %.5s UTC  %s", lead_now.purpose, lead_now.room,
		 lead_now.software ? "software" : "hardware", time_text, time_text + 11, lead_now.me);
	screen_begin(lead_now.test ? "*** TEST *** TEST *** test keys only *** TEST *** TEST ***" : "", top);
	if (lead_now.first)
		screen_say("Ceremony: %s", lead_now.title);
}

/* What people want to see again: no refusals, and no passphrases. */
static bool shows(const struct audit *a)
{
	return !*a->reason && strcmp(a->what, "login") && strcmp(a->what, "approve");
}

/* The newest of what was done, with who did it. */
static void say_done(void)
{
	size_t shown = 0, from = lead_now.n;

	while (from && shown < ROWS_SHOWN)
		shown += shows(&lead_now.act[--from]);
	if (shown) {
		screen_say("%s", "");
		screen_say("%s", "Done so far:");
	}
	for (; from < lead_now.n; from++) {
		const struct audit *a = &lead_now.act[from];
		char who[sizeof a->who], utc[CLI_TIME];

		if (!shows(a))
			continue;
		names(who, sizeof who, a->who);
		cli_time(utc, a->utc);
		screen_say("  %.8s\t%s: %s %s", utc + 11, who, a->what, a->object);
	}
}

void lead_page(const char *what, const char *by)
{
	begin();
	screen_title("Step %zu of %zu: %s", at + 1, lead_kind->steps, lead_kind->step[at].title);
	screen_say("Now:\t%s", what);
	screen_say("By: \t%s", by);
	if (*lead_said) {
		screen_say("%s", "");
		screen_text(lead_said);
	}
	say_done();
}

void lead_help(void)
{
	char typed[LEAD_TEXT];

	begin();
	screen_title("Help: %s", lead_kind ? lead_kind->step[at].title : "leading a ceremony");
	screen_text(lead_kind ? lead_kind->step[at].help : "Type a number.");
	screen_text("\nb goes back, to correct what was typed; what the room has written down stays, and is corrected "
		    "by a remark.\n"
		    "q leaves. The ceremony stays open: bdk lead goes on where it was, also for another leader.\n"
		    "What needs a second person waits for one: bdk approve, in an own login.");
	screen_ask(typed, sizeof typed, "Enter: back to the step", "", -1, -1);
}

/* A page and an answer to it; help is shown here, and what was said before is said once. */
enum screen_answer lead_ask(char *out, size_t size, const char *what, const char *by, const char *before)
{
	enum screen_answer a;

	do {
		lead_page(what, by);
		a = screen_ask(out, size, usual, before, -1, -1);
		if (a == SCREEN_HELP)
			lead_help();
	} while (a == SCREEN_HELP);
	lead_said[0] = 0;
	return a;
}

/* What an answer means where nothing is to be typed. */
enum turn lead_turn(enum screen_answer a)
{
	return a == SCREEN_LEAVE ? TURN_LEAVE : a == SCREEN_BACK ? TURN_BACK : a == SCREEN_ENTER ? TURN_ON : TURN_STAY;
}

enum screen_answer lead_watch(char *out, size_t size, const char *what, const char *by)
{
	enum screen_answer a;

	lead_page(what, by);
	lead_said[0] = 0;
	a = screen_ask(out, size, usual, "", -1, 1000);
	if (a == SCREEN_HELP)
		lead_help();
	return a;
}

/* --- Forms -------------------------------------------------------------------------------------------------------- */

/* Field by field, each correctable, and all of them once more before it is done. */
enum turn lead_form(const struct lead_field *f, size_t n, const char *by, const char *done)
{
	char typed[256], all[LEAD_SAID];
	size_t i = 0, len = 0;

	while (i <= n) {
		enum screen_answer a;
		const char *wrong = NULL;

		if (i == n) {
			len = 0;
			for (size_t k = 0; k < n; k++)
				len += (size_t)snprintf(all + len, sizeof all - len, "  %-12s\t%s\n", f[k].label,
							*f[k].value ? f[k].value : "-");
			lead_note("%s", all);
			a = lead_ask(typed, 2, done, by, "");
			if (a == SCREEN_TEXT)
				continue;
		} else {
			a = lead_ask(typed, f[i].size, f[i].question, by, f[i].value);
		}
		if (a == SCREEN_LEAVE || (a == SCREEN_BACK && !i))
			return lead_turn(a);
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
			lead_note("%s: %s", *typed ? typed : f[i].label, wrong);
		else
			i++;
	}
	return TURN_ON;
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
		screen_title("Step %zu of %zu: %s: a second person", at + 1, lead_kind->steps,
			     lead_kind->step[at].title);
		screen_say("Now:\tanother person, in an own login, looks at this and agrees:");
		screen_say("     bdk approve --room %s DIGEST", cli.room);
		screen_text(text);
		a = e ? SCREEN_READY
		      : screen_ask(typed, sizeof typed, "Waiting. b or q: withdraw it  (then Enter)", "", c->fd, -1);
	} while (a != SCREEN_READY && a != SCREEN_BACK && a != SCREEN_LEAVE);
	free(text);
	if (a == SCREEN_READY)
		return e ? e : client_answer(c, &request);
	lead_withdrawn = lead_turn(a);
	shutdown(c->fd, SHUT_RDWR);
	snprintf(c->why, sizeof c->why, "withdrawn: nothing was done");
	return E_LAPSED;
}

/* A command, as if it was typed; what it prints goes to said. */
int lead_run(cli_command *command, int operands, const char *const operand[])
{
	char *words[4] = { NULL };
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), to = memfd_create("said", MFD_CLOEXEC),
	    status = EXIT_FAILURE;
	ssize_t n;

	if (out < 0 || err < 0 || to < 0)
		fail_memory();
	for (int i = 0; i < operands && i < 3; i++) {
		words[i] = strdup(operand[i]);
		if (!words[i])
			fail_memory();
	}
	begin();
	screen_title("Step %zu of %zu: %s", at + 1, lead_kind->steps, lead_kind->step[at].title);
	screen_say("bdkd is asked.");
	screen_show();
	lead_withdrawn = TURN_ON;
	fflush(stdout);
	if (dup2(to, STDOUT_FILENO) >= 0 && dup2(to, STDERR_FILENO) >= 0)
		status = command(operands, words);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	n = pread(to, lead_said, sizeof lead_said - 1, 0);
	lead_said[n > 0 ? n : 0] = 0;
	close(out);
	close(err);
	close(to);
	for (int i = 0; i < 3; i++)
		free(words[i]);
	return status;
}

/* A command that has a dialogue of its own with whoever types, on a connection of its own: what is begun there ends with it. */
void lead_run_alone(cli_command *command)
{
	char *none[] = { NULL };

	begin();
	screen_title("Step %zu of %zu: %s", at + 1, lead_kind->steps, lead_kind->step[at].title);
	screen_show();
	cli_kept = NULL;
	command(0, none);
	fflush(stdout);
	cli_kept = &lead_kept;
	screen_pause();
}

/* What follows it: on, or the same step again, or away. */
enum turn lead_after(int status)
{
	return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : status ? TURN_STAY : TURN_ON;
}

enum turn lead_write_down(const char *what, const char *text)
{
	return lead_after(lead_run(cli_ceremony, 2, (const char *const[]){ what, text }));
}

/* --- Leading ------------------------------------------------------------------------------------------------------ */

/* Is it for this room? */
static bool fits(const struct lead_kind *k)
{
	return strchr(k->purposes, lead_now.purpose[0]) && (k->test || !lead_now.test);
}

/* By the title of the ceremony that is open; NULL: it was not opened here */
static const struct lead_kind *kind_of_title(void)
{
	for (size_t i = 0; i < lead_kinds_n; i++) {
		size_t n = strlen(lead_kinds[i].title);

		if (!strncmp(lead_now.title, lead_kinds[i].title, n) && lead_now.title[n] == ':')
			return &lead_kinds[i];
	}
	return NULL;
}

/* False: to leave */
static bool choose(void)
{
	char typed[8];

	while (!lead_kind) {
		enum screen_answer a;
		size_t n = 0;

		begin();
		screen_title("Which ceremony?");
		for (size_t i = 0; i < lead_kinds_n; i++)
			if (fits(&lead_kinds[i]))
				screen_say("  %zu  %s", ++n, lead_kinds[i].title);
		screen_text(lead_said);
		lead_said[0] = 0;
		a = screen_ask(typed, sizeof typed, "A number: that one  q: leave  ?: help  (then Enter)", "", -1, -1);
		if (a == SCREEN_LEAVE)
			return false;
		if (a == SCREEN_HELP)
			lead_help();
		n = a == SCREEN_TEXT ? (size_t)strtoul(typed, NULL, 10) : 0;
		for (size_t i = 0; n && i < lead_kinds_n; i++)
			if (fits(&lead_kinds[i]) && !--n)
				lead_kind = &lead_kinds[i];
	}
	return true;
}

/* A production room that is locked: its custodians come first. False: to leave */
static bool until_unlocked(int *status)
{
	char typed[4];

	while (lead_now.sealed) {
		begin();
		screen_title("The room is locked");
		screen_say("Now:\tits custodians unlock it, each from an own login: bdk unlock --room %s", cli.room);
		if (screen_ask(typed, sizeof typed, "Waiting. q: leave  (then Enter)", "", -1, 1000) == SCREEN_LEAVE ||
		    !learn(status))
			return false;
	}
	return true;
}

static void lead(int *status)
{
	enum turn t = TURN_ON;

	for (at = 0; at < lead_kind->steps && lead_kind->step[at].done(); at++)
		;
	while (t != TURN_LEAVE && at < lead_kind->steps) {
		t = lead_kind->step[at].take();
		if (t != TURN_LEAVE && (!learn(status) || !until_unlocked(status)))
			return;
		if (t == TURN_ON)
			at++;
		else if (t == TURN_BACK && at)
			at--;
	}
}

int cli_lead(int operands, char **operand)
{
	int status = 0;
	enum err (*alone)(struct client *) = cli_await;

	lead_kept.fd = -1;
	if (!learn(&status))
		return status;
	for (size_t i = 0; operands && !lead_kind && i < lead_kinds_n; i++)
		if (!strcmp(operand[0], lead_kinds[i].word))
			lead_kind = &lead_kinds[i];
	if (operands && !lead_kind)
		return fail_why(E_USAGE, "is no ceremony that is led", "bdk lead --help tells more", "%s", operand[0]);
	if (lead_kind && !fits(lead_kind))
		return fail_say(E_ROOM_PURPOSE, "%s", operand[0]);
	if (!screen_open(&status))
		return status;
	cli_await = wait_for_second;
	setvbuf(stdout, NULL, _IOLBF, 0); /* what commands print on it and on stderr stays in order */
	if (!until_unlocked(&status))
		goto done;
	if (lead_now.first) {
		const struct lead_kind *open = kind_of_title();

		if (!open || (lead_kind && lead_kind != open))
			status = fail_why(E_EXISTS, "is open, and another one",
					  open ? "bdk lead without a word goes on with it"
					       : "bdk ceremony close closes it",
					  "%s", lead_now.title);
		lead_kind = open;
	}
	if (!status && choose())
		lead(&status);
done:
	cli_await = alone;
	cli_kept = NULL;
	screen_close();
	if (!status && lead_now.first)
		printf("left; the ceremony is open, and bdk lead goes on with it: %s\n", lead_now.title);
	client_close(&lead_kept);
	free(lead_now.act);
	return status;
}
