/*
 * Ceremonies that bdk lead leads: what its parts share. lead.c is the frame (what bdkd says, screens, forms, commands, the way from
 * step to step), lead_steps.c has the steps of every ceremony, lead_kinds.c those of each kind and the table of all.
 */
#ifndef KEYROOM_BDK_CLI_LEAD_H
#define KEYROOM_BDK_CLI_LEAD_H

#include "bdk/ceremony.h"
#include "bdk/cli/cli.h"
#include "bdk/cli/screen.h"

#define LEAD_TEXT 96 /* of what is written down, and its NUL */
#define LEAD_SAID 4096

/* Where it goes on after a step was taken. */
enum turn { TURN_ON, TURN_STAY, TURN_BACK, TURN_LEAVE };

struct lead_step {
	const char *title;
	bool (*done)(void); /* as the audit has it */
	enum turn (*take)(void);
	const char *help;
};

struct lead_kind {
	const char *word, *title; /* the title of a ceremony that is led begins with this */
	const char *purposes;     /* "l": in which rooms */
	bool test;                /* in test rooms too */
	const struct lead_step *step;
	size_t steps;
};
extern const struct lead_kind lead_kinds[];
extern const size_t lead_kinds_n;

/* What bdkd says; read anew before each screen. */
struct lead_now {
	char room[64], purpose[16], me[32];
	uint64_t test, software, sealed;
	uint64_t first; /* record that opened the ceremony; 0: none is open */
	char title[LEAD_TEXT];
	struct audit *act; /* what was done in it, and refused; n of them */
	size_t n;
};
extern struct lead_now lead_now;
extern const struct lead_kind *lead_kind; /* that is led */
extern struct client lead_kept;           /* the connection that all commands share */
extern char lead_said[LEAD_SAID]; /* what the last command said, or what is wrong with what was typed; shown once */
extern enum turn lead_withdrawn;  /* TURN_BACK, TURN_LEAVE: what was typed while a second person was waited for */

/* lead_note - what lead_said is from now on */
void lead_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* lead_call - an op without fields, or F_SINCE; its answer is in lead_kept. lead_login - after E_LOGIN; false, having said why */
enum err lead_call(uint16_t op, uint64_t since);
bool lead_login(void);

/* lead_acted - the last act of that name which was done, and whose object begins so; NULL: none */
const struct audit *lead_acted(const char *what, const char *object);

/* lead_page - what is to be done now and by whom, what was said, what was done. lead_help - shown until Enter. lead_ask - a page and
 * the answer to it. lead_turn - what an answer means where nothing is to be typed. lead_watch - a page of what others do, which is looked at again after a second:
 * SCREEN_READY */
void lead_page(const char *what, const char *by);
void lead_help(void);
enum screen_answer lead_ask(char *out, size_t size, const char *what, const char *by, const char *before);
enum turn lead_turn(enum screen_answer a);
enum screen_answer lead_watch(char *out, size_t size, const char *what, const char *by);

struct lead_field {
	const char *question, *label;
	char *value;
	size_t size;
	const char *(*wrong)(const char *); /* NULL: it may be anything; gives NULL, or what is wrong */
	bool optional;
};

/* lead_form - field by field, each correctable, and all of them once more before it is done. TURN_ON: do it */
enum turn lead_form(const struct lead_field *f, size_t n, const char *by, const char *done);

/* lead_run - a command, as if it was typed; what it prints goes to lead_said; its status. lead_run_alone - one that has a dialogue of
 * its own, on a connection of its own. lead_after - what follows a status. lead_write_down - bdk ceremony WHAT TEXT */
int lead_run(cli_command *command, int operands, const char *const operand[]);
void lead_run_alone(cli_command *command);
enum turn lead_after(int status);
enum turn lead_write_down(const char *what, const char *text);

/* --- Steps of every ceremony (lead_steps.c) ----------------------------------------------------------------------- */

bool lead_is_open(void), lead_two_present(void), lead_value_compared(void), lead_no_bag_left(void),
	lead_is_closed(void), lead_never(void);
enum turn lead_open(void), lead_who_is_here(void), lead_compare(void), lead_media(void), lead_close(void),
	lead_print(void);

/* lead_wrong_part - is it none of "1/3"? As of struct lead_field */
const char *lead_wrong_part(const char *text);

/* lead_newest_value - the newest check value of the ceremony, and the key it is of; false: there is none yet */
bool lead_newest_value(char *key, size_t size, const char **value);

#define LEAD_OPEN                                                                                                      \
	{ "Open the ceremony", lead_is_open, lead_open,                                                                \
	  "A ceremony is written down from its opening to its closing: who was here, every act and refusal. One is "   \
	  "open at a time." },                                                                                         \
	{                                                                                                              \
		"Who is here", lead_two_present, lead_who_is_here,                                                     \
			"Everybody who is here is named, also who only watches. The names stand in the record, each "  \
			"with a line to sign on."                                                                      \
	}
#define LEAD_COMPARE                                                                                                   \
	{                                                                                                              \
		"Compare the check value", lead_value_compared, lead_compare,                                          \
			"The check value says that all speak of one key, and tells nothing about it. Whoever reads "   \
			"it aloud does so from an own "                                                                \
			"screen or paper, not from this one."                                                          \
	}
#define LEAD_CLOSE                                                                                                     \
	{ "Media", lead_no_bag_left, lead_media,                                                                       \
	  "Paper, cards and disks that carry keys or parts of them lie in bags with numbers, each used once. What "    \
	  "was opened gets a "                                                                                         \
	  "new bag or is destroyed. A damaged or missing bag suspends its key at once; one person may report it." },   \
		{ "Close the ceremony", lead_is_closed, lead_close,                                                    \
		  "It closes once every medium has a disposition." },                                                  \
	{                                                                                                              \
		"The record, to print and to sign", lead_never, lead_print,                                            \
			"The text is signed by the room; the page shows it. bdk ceremony verify checks the text "      \
			"anywhere."                                                                                    \
	}

#endif
