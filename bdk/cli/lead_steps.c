/* lead: the steps of every ceremony: its opening, who is here, check values, media, its end and its record */
#include "bdk/cli/lead.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- Steps of every ceremony -------------------------------------------------------------------------------------- */

bool lead_is_open(void)
{
	return lead_now.first;
}

enum turn lead_open(void)
{
	static char text[56];
	char title[LEAD_TEXT];
	const struct lead_field f[] = {
		{ "Say what this ceremony is for: which keys, for whom. It is the title of its record.", "title", text,
		  sizeof text, NULL, false }
	};
	enum turn t;

	if (lead_now.first)
		return lead_turn(lead_ask(title, 2, "The ceremony is open; its title stays.", "whoever leads", ""));
	t = lead_form(f, 1, "whoever leads", "Open the ceremony. Enter opens it.");
	if (t != TURN_ON)
		return t;
	snprintf(title, sizeof title, "%s: %s", lead_kind->title, text);
	return lead_write_down("open", title);
}

static size_t present(void)
{
	size_t n = 0;

	for (size_t i = 0; i < lead_now.n; i++)
		n += ceremony_note(&lead_now.act[i], "present") != NULL;
	return n;
}

bool lead_two_present(void)
{
	return present() >= 2;
}

enum turn lead_who_is_here(void)
{
	char name[64], text[LEAD_TEXT];
	enum screen_answer a = lead_ask(name, sizeof name,
					"Type the name of one who is here, and what he does here: Ada Byron, "
					"custodian. Enter alone goes on once "
					"all are named. -NAME corrects: that one is not here.",
					"whoever leads; everybody signs the record in the end", "");

	if (a == SCREEN_TEXT && *name == '-') {
		snprintf(text, sizeof text, "correction: %s is not here", name + 1);
		lead_write_down("remark", text);
		return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
	}
	if (a == SCREEN_TEXT) {
		lead_write_down("present", name);
		return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
	}
	if (a == SCREEN_ENTER && !lead_two_present()) {
		lead_note("At least two are here, or it is no ceremony.");
		return TURN_STAY;
	}
	return lead_turn(a);
}

/* The newest check value of the ceremony, and the key it is of; false: there is none yet */
bool lead_newest_value(char *key, size_t size, const char **value)
{
	for (size_t i = lead_now.n; i-- > 0;) {
		int of;

		*value = ceremony_check_value(&lead_now.act[i], &of);
		if (!*value)
			continue;
		snprintf(key, size, "%.*s", of, lead_now.act[i].object);
		return true;
	}
	return false;
}

bool lead_value_compared(void)
{
	char key[128], text[LEAD_TEXT];
	const char *value;

	if (!lead_newest_value(key, sizeof key, &value))
		return false;
	snprintf(text, sizeof text, "remark: check value %s", value);
	return lead_acted("ceremony", text) != NULL;
}

enum turn lead_compare(void)
{
	char key[128], typed[32], what[300], text[LEAD_TEXT], plain[32] = "";
	const char *value;
	enum screen_answer a;
	size_t n = 0;

	if (!lead_newest_value(key, sizeof key, &value)) {
		lead_note("There is no key yet in this ceremony.");
		return TURN_BACK;
	}
	snprintf(what, sizeof what,
		 "The check value of %s is on this screen: %s. Somebody else reads it aloud from another screen (bdk "
		 "list) or from "
		 "the paper. Type what is read.",
		 key, value);
	a = lead_ask(typed, sizeof typed, what, "another person reads, whoever leads types", "");
	if (a != SCREEN_TEXT && (a != SCREEN_ENTER || lead_value_compared()))
		return lead_turn(a);
	for (const char *p = typed; *p; p++)
		if (*p != ' ' && *p != '-')
			plain[n++] = (char)toupper((unsigned char)*p);
	plain[n] = 0;
	if (a == SCREEN_ENTER || strcmp(plain, value)) {
		lead_note(
			"%s is NOT %s. Read and type it again; if it stays so, leave and suspend the key: bdk suspend.",
			a == SCREEN_ENTER ? "Nothing" : typed, value);
		return TURN_STAY;
	}
	snprintf(text, sizeof text, "check value %s read aloud: the same", value);
	return lead_write_down("remark", text);
}

/* --- Media -------------------------------------------------------------------------------------------------------- */

/* The bags of this ceremony, and how many of them still need a disposition. */
static size_t bags(bool say)
{
	uint64_t more = 1, since = 0;
	size_t needed = 0;
	struct span row;

	while (more && !lead_call(OP_BAGS, since)) {
		size_t walk = 0;

		while (field_next(&row, lead_kept.fields, F_ROW, &walk)) {
			char number[32], medium[16], holds[32], state[16], disposition[16], place[40];
			uint64_t needs = 0, ceremony = 0, part = 0, parts = 0;
			char which[32] = "";

			if (field_number(&ceremony, row, F_NUMBER, INT64_MAX) || ceremony != lead_now.first ||
			    field_number(&needs, row, F_NEEDED, 1) || field_text(number, sizeof number, row, F_BAG) ||
			    field_text(medium, sizeof medium, row, F_MEDIUM) ||
			    field_text(state, sizeof state, row, F_STATE) ||
			    field_text(disposition, sizeof disposition, row, F_DISPOSITION))
				continue;
			if (field_text(holds, sizeof holds, row, F_HOLDS))
				holds[0] = 0;
			if (field_text(place, sizeof place, row, F_PLACE))
				place[0] = 0;
			if (!field_number(&part, row, F_PART, UINT8_MAX) &&
			    !field_number(&parts, row, F_PARTS, UINT8_MAX))
				snprintf(which, sizeof which, " %u of %u", (unsigned)part, (unsigned)parts);
			needed += needs;
			if (say)
				snprintf(lead_said + strlen(lead_said), sizeof lead_said - strlen(lead_said),
					 "  %-12s\t%s%s%s%s, %s, %s%s%s\n", number, medium, which, *holds ? " of " : "",
					 holds, state, needs ? "NO DISPOSITION YET" : disposition, *place ? " " : "",
					 place);
		}
		if (field_number(&more, lead_kept.fields, F_MORE, 1) ||
		    field_number(&since, lead_kept.fields, F_SEQUENCE, INT64_MAX))
			more = 0;
	}
	return needed;
}

bool lead_no_bag_left(void)
{
	return !bags(false);
}

const char *lead_wrong_part(const char *text)
{
	return strcmp(text, "-") && (strlen(text) != 3 || text[1] != '/' || !isdigit((unsigned char)text[0]) ||
				     !isdigit((unsigned char)text[2]))
		       ? "1/3 is the first of three; - for no part"
		       : NULL;
}

static enum turn record_bag(const char *number)
{
	static char medium[16] = "component", part[8], holds[25], keeper[16], purpose[33];
	const struct lead_field f[] = {
		{ "What is in it? component, share, card, key-block or mailer.", "medium", medium, sizeof medium, NULL,
		  false },
		{ "Which part of how many? 1/3; - for no part.", "part", part, sizeof part, lead_wrong_part, true },
		{ "Of which key set or KBPK? - for none.", "key", holds, sizeof holds, NULL, true },
		{ "Who keeps it? One name, small letters.", "custodian", keeper, sizeof keeper, NULL, false },
		{ "What is it for?", "purpose", purpose, sizeof purpose, NULL, false },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "whoever leads, the bag in sight of all",
				"Record the bag. Enter does it.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.medium = medium;
	cli.part = *part ? part : NULL;
	cli.holds = *holds ? holds : NULL;
	cli.keeper = keeper;
	cli.purpose = purpose;
	lead_run(cli_bag, 2, (const char *const[]){ "record", number });
	return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
}

static enum turn found_bag(const char *word, const char *number)
{
	static char reason[33];
	const struct lead_field f[] = { { "What is seen? It goes into the audit, and the key is suspended at once.",
					  "reason", reason, sizeof reason, NULL, false } };
	enum turn t = lead_form(f, 1, "whoever found it", "Report it. Enter does it.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.reason = reason;
	lead_run(cli_bag, 2, (const char *const[]){ word, number });
	cli.reason = NULL;
	return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
}

static enum turn move_bag(const char *number)
{
	static char to[16], place[33];
	const struct lead_field f[] = {
		{ "What became of it? re-bagged, destroyed, returned, stored or sent.", "disposition", to, sizeof to,
		  NULL, false },
		{ "The new bag's number (re-bagged), where (stored), to whom (sent); - for nothing.", "place", place,
		  sizeof place, NULL, true },
	};
	enum turn t =
		lead_form(f, 2, "two people who see it", "Write it down: it takes a second person. Enter asks bdkd.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.to = to;
	cli.place = *place ? place : NULL;
	if (!lead_run(cli_bag, 2, (const char *const[]){ "move", number }))
		to[0] = place[0] = 0;
	return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
}

enum turn lead_media(void)
{
	char typed[40], word[16] = "", number[24] = "";
	enum screen_answer a;
	size_t needed;

	needed = bags(true);
	a = lead_ask(typed, sizeof typed,
		     "Every medium that was made or opened here has a bag and a place. Type record, open, damaged, "
		     "missing or move, and a "
		     "bag's number: record A4711. Enter alone goes on once none is without a disposition.",
		     "those who hold the media", "");
	if (a == SCREEN_ENTER && needed) {
		lead_note("%zu without a disposition.\n", needed);
		return TURN_STAY;
	}
	if (a != SCREEN_TEXT)
		return lead_turn(a);
	if (sscanf(typed, "%15s %23s", word, number) != 2) {
		lead_note("A word and a bag's number: move A4711\n");
		return TURN_STAY;
	}
	if (!strcmp(word, "record"))
		return record_bag(number);
	if (!strcmp(word, "move"))
		return move_bag(number);
	if (!strcmp(word, "damaged") || !strcmp(word, "missing"))
		return found_bag(word, number);
	if (!strcmp(word, "open")) {
		lead_run(cli_bag, 2, (const char *const[]){ "open", number });
		return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
	}
	lead_note("%s: record, open, damaged, missing or move\n", word);
	return TURN_STAY;
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

static bool closed;

bool lead_is_closed(void)
{
	return closed;
}

enum turn lead_close(void)
{
	static char text[72];
	const struct lead_field f[] = { { "Say how it ended; a remark, or what was locked away where.", "ending", text,
					  sizeof text, NULL, false } };
	enum turn t;

	if (closed)
		return lead_turn(lead_ask(text, 2, "The ceremony is closed, and stays so.", "whoever leads", ""));
	t = lead_form(f, 1, "whoever leads", "Close the ceremony. Enter closes it; nothing is added afterwards.");
	if (t != TURN_ON)
		return t;
	t = lead_write_down("close", text);
	closed = t == TURN_ON;
	return t;
}

bool lead_never(void)
{
	return false;
}

enum turn lead_print(void)
{
	static char name[128] = "ceremony";
	static bool written;
	char typed[2], what[360];
	const struct lead_field f[] = {
		{ "Where does the record go? NAME gets NAME.txt, signed by the room, and NAME.html, to print.", "name",
		  name, sizeof name, NULL, false }
	};
	enum turn t;

	if (!written) {
		t = lead_form(f, 1, "whoever leads", "Write the record. Enter does it.");
		if (t != TURN_ON)
			return t;
		cli.out = name;
		written = !lead_run(cli_ceremony, 1, (const char *const[]){ "record" });
		return lead_withdrawn == TURN_LEAVE ? TURN_LEAVE : TURN_STAY;
	}
	snprintf(what, sizeof what, "Print %s.html; everybody who was here reads it and signs. Keep it with %s.txt.",
		 name, name);
	return lead_turn(lead_ask(typed, sizeof typed, what, "everybody", ""));
}
