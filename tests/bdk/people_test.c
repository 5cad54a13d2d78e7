/*
 * People of a room: who they are, what they may ask, with whom, and what a second person agrees to. The rules are held
 * against the table in doc/man/bdk.1, which is written down a second time there, for people.
 */
#include "bdk/act.h"
#include "bdk/rule.h"
#include "bdk/server.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Names and roles ---------------------------------------------------------------------------------------------- */

START_TEST(names_are_plain)
{
	static const char *const good[] = { "a", "anna", "anna-2", "abcdefghijklmno" };
	static const char *const bad[] = { "", "Anna", "1anna", "-anna", "an na", "an\xc3\xa9", "abcdefghijklmnop", "a,b", "a\n" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(people_name(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!people_name(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(every_set_of_roles_is_read_as_it_is_printed)
{
	static const char *const bad[] = { "", ",", "custodian,", ",custodian", "custodian,custodian", "custodians", "Auditor",
					   "operator auditor", "custodian,,auditor" };
	char text[PERSON_ROLES_TEXT];
	unsigned roles;

	for (unsigned set = 1; set <= PERSON_ANY; set++) {
		people_roles_text(text, set);
		ck_assert_int_eq(people_roles_parse(&roles, text), E_OK);
		ck_assert_uint_eq(roles, set);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(people_roles_parse(&roles, bad[i]) == E_FORMAT, "%s", bad[i]);
		ck_assert_uint_eq(roles, 0);
	}
}
END_TEST

/* All of one person's roles at once, in words: whatever is not named here is two roles that control each other. */
START_TEST(nobody_holds_two_roles_that_control_each_other)
{
	static const char *const allowed[] = { "custodian", "supervisor", "operator", "auditor", "custodian,supervisor" };
	char text[PERSON_ROLES_TEXT], why[ROOM_WHY];

	for (unsigned set = 1; set <= PERSON_ANY; set++) {
		bool good = false;

		people_roles_text(text, set);
		for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
			good |= !strcmp(text, allowed[i]);
		ck_assert_msg(people_roles_apart(why, set) == (good ? E_OK : E_DENIED), "%s", text);
	}
}
END_TEST

/* --- The table ---------------------------------------------------------------------------------------------------- */

static const char *proof_name(enum rule_proof p)
{
	return p == RULE_ANYBODY ? "nothing" : p == RULE_UID ? "uid" : "passphrase";
}

/* Roles by their first letters, as the page has them. */
static void roles_name(char out[static PERSON_ROLES_TEXT], unsigned roles)
{
	strcpy(out, roles ? "" : "-");
	for (unsigned i = 0; i < PERSON_ROLES; i++)
		if (roles >> i & 1)
			strncat(out, &"CSOA"[i], 1);
}

static unsigned roles_of(const char *letters)
{
	unsigned roles = 0;

	for (unsigned i = 0; i < PERSON_ROLES; i++)
		roles |= strchr(letters, "CSOA"[i]) ? 1u << i : 0;
	return roles;
}

/* A row as the man page has it. */
static void print_row(FILE *out, const struct rule *r)
{
	char asks[PERSON_ROLES_TEXT], agrees[PERSON_ROLES_TEXT];

	roles_name(asks, r->proof == RULE_ANYBODY ? PERSON_ANY : r->asks);
	roles_name(agrees, r->agrees);
	fprintf(out, ".It %s Ta %s Ta %s Ta %s\n", server_op_name(r->op), asks, agrees, proof_name(r->proof));
}

/* The rows of the page into lines; the number of them. */
#define PAGE "doc/man/bdk.1"
static size_t read_page(char line[][160], size_t most)
{
	FILE *f = fopen(PAGE, "r");
	bool in = false;
	size_t n = 0;

	ck_assert_ptr_nonnull(f);
	while (n < most && fgets(line[n], sizeof line[n], f)) {
		if (!strncmp(line[n], ".\\\" rules", 9))
			in = true;
		else if (in && !strncmp(line[n], ".El", 3))
			break;
		else if (in && strstr(line[n], " Ta ") && strncmp(line[n], ".It Em", 6))
			n++;
	}
	fclose(f);
	return n;
}

START_TEST(the_page_says_what_the_table_says)
{
	static char line[100][160];
	size_t n = read_page(line, 100), rows = 0;
	const struct rule *r;
	bool same = true;

	while ((r = rule_next(rows))) {
		char *row = NULL;
		size_t len;
		FILE *f = open_memstream(&row, &len);

		print_row(f, r);
		fclose(f);
		same = same && rows < n && !strcmp(line[rows], row);
		free(row);
		rows++;
	}
	same = same && rows == n;
	if (!same) {
		fprintf(stderr, "%s should have these rows:\n", PAGE);
		for (size_t i = 0; rule_next(i); i++)
			print_row(stderr, rule_next(i));
	}
	ck_assert(same);
}
END_TEST

/* Every role, and every pair of roles that one person may hold, on every row: as the page says. */
START_TEST(every_role_may_ask_and_agree_to_what_the_page_says)
{
	static char line[100][160];
	char name[32], asks[PERSON_ROLES_TEXT], agrees[PERSON_ROLES_TEXT], proof[16], why[ROOM_WHY];
	size_t n = read_page(line, 100), refused = 0, permitted = 0;

	ck_assert_uint_ge(n, 30);
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = rule_next(i);

		ck_assert_int_eq(sscanf(line[i], ".It %31s Ta %47s Ta %47s Ta %15s", name, asks, agrees, proof), 4);
		ck_assert_str_eq(name, server_op_name(r->op));
		for (unsigned roles = 0; roles <= PERSON_ANY; roles++) {
			struct person who = { .row = 1, .name = "anna", .uid = 1001, .roles = roles };
			struct person other = { .row = 2, .name = "bert", .uid = 1002, .roles = roles };
			bool may = !strcmp(proof, "nothing") || roles & roles_of(asks);

			for (int proved = 0; proved < 2; proved++) {
				enum err e = rule_ask(why, r, roles ? &who : NULL, proved);
				enum err should = !may ? E_DENIED
						  : !strcmp(proof, "passphrase") && !proved ? E_LOGIN
						  : strcmp(agrees, "-") != 0 ? E_SECOND
									     : E_OK;

				ck_assert_msg(e == should, "%s, roles %u: %s", name, roles, err_text(e));
				ck_assert_int_eq(!why[0], e != E_DENIED);
				*(e == E_DENIED ? &refused : &permitted) += 1;
			}
			ck_assert_int_eq(rule_agree(why, r, &who, &other), roles & roles_of(agrees) ? E_OK : E_DENIED);
		}
	}
	ck_assert_uint_gt(refused, 100);
	ck_assert_uint_gt(permitted, 100);
}
END_TEST

/* An op that is added to people.sock and forgotten in the table is refused, and found here. */
START_TEST(the_table_has_a_row_for_all_that_people_may_ask)
{
	char why[ROOM_WHY];
	struct person who = { .row = 1, .name = "anna", .roles = PERSON_ANY };

	for (unsigned op = 0; op <= UINT16_MAX; op++)
		ck_assert_msg(!server_op(ROLE_PEOPLE, (uint16_t)op) == !rule_of((uint16_t)op), "op %u", op);
	ck_assert_int_eq(rule_ask(why, NULL, &who, true), E_DENIED);
	ck_assert_int_eq(rule_agree(why, NULL, &who, &(struct person){ .row = 2, .name = "bert", .uid = 2 }), E_DENIED);
}
END_TEST

/* What makes, moves or ends a key: named here once more, so that a row that loses its second person is found. */
START_TEST(what_makes_moves_or_ends_a_key_takes_two)
{
	static const uint16_t ops[] = { OP_GENERATE, OP_IMPORT,	 OP_PACKAGE, OP_STATE,	OP_INSTALL, OP_CERTIFY,
					OP_REVOKE,   OP_DISOWN, OP_RAISE,   OP_APPOINT, OP_DISMISS,
					OP_LEASE,    OP_ACCEPT, OP_CHAIN,   OP_OPEN };

	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		const struct rule *r = rule_of(ops[i]);

		ck_assert_ptr_nonnull(r);
		ck_assert_msg(r->agrees && r->proof == RULE_PASSPHRASE, "%s", server_op_name(ops[i]));
	}
}
END_TEST

/* --- Two people --------------------------------------------------------------------------------------------------- */

typedef enum err agree_with(char why[static ROOM_WHY], const struct rule *rule, const struct person *first,
			    const struct person *second);

/* Two who share a name, a uid or a row are one, on every row that takes two. */
static bool keeps_apart(agree_with *agree)
{
	const struct person a = { .row = 1, .name = "anna", .uid = 1001, .roles = PERSON_ANY };
	const struct person same[] = {
		a,
		{ .row = 2, .name = "anna", .uid = 1002, .roles = PERSON_ANY },
		{ .row = 2, .name = "bert", .uid = 1001, .roles = PERSON_ANY },
		{ .row = 1, .name = "bert", .uid = 1002, .roles = PERSON_ANY },
	};
	const struct person other = { .row = 2, .name = "bert", .uid = 1002, .roles = PERSON_ANY };
	char why[ROOM_WHY];
	bool good = true;

	for (size_t i = 0; rule_next(i); i++) {
		if (!rule_next(i)->agrees)
			continue;
		for (size_t k = 0; k < sizeof same / sizeof *same; k++)
			good &= agree(why, rule_next(i), &a, &same[k]) == E_DENIED;
		good &= agree(why, rule_next(i), &a, &other) == E_OK;
	}
	return good;
}

static enum err twin_names_only(char why[static ROOM_WHY], const struct rule *rule, const struct person *first,
				const struct person *second)
{
	why[0] = 0;
	return strcmp(first->name, second->name) != 0 && rule->agrees & second->roles ? E_OK : E_DENIED;
}

static enum err twin_uids_only(char why[static ROOM_WHY], const struct rule *rule, const struct person *first,
			       const struct person *second)
{
	why[0] = 0;
	return first->uid != second->uid && rule->agrees & second->roles ? E_OK : E_DENIED;
}

START_TEST(two_who_share_a_name_or_a_uid_are_one_person)
{
	ck_assert(keeps_apart(rule_agree));
	ck_assert(!keeps_apart(twin_names_only));
	ck_assert(!keeps_apart(twin_uids_only));
}
END_TEST

/* --- What a second person agrees to ------------------------------------------------------------------------------- */

typedef enum err act_hash(uint8_t out[static 32], const struct act *a, const char *room, struct span put);

static struct act *make_act(const struct record *asked)
{
	const struct person first = { .row = 1, .name = "anna", .uid = 1001 };
	struct act *a;

	ck_assert_int_eq(act_new(&a, OP_GENERATE, (struct span){ asked->b + 2, asked->len - 2 }, &first, 100), E_OK);
	return a;
}

static bool differs(act_hash *hash, const uint8_t was[static 32], const struct act *a, const char *room, struct span put)
{
	uint8_t is[32];

	ck_assert_int_eq(hash(is, a, room, put), E_OK);
	return memcmp(was, is, sizeof is) != 0;
}

/* Every byte of what was asked, who asked, where, and what was put. */
static bool covers_all(act_hash *hash)
{
	static struct record asked;
	uint8_t was[32], put[] = "a file that was put", cert[700] = { 1 };
	struct act *a;
	bool good;

	record_begin(&asked, OP_GENERATE);
	record_put_text(&asked, F_SCHEME, "tdes");
	record_put(&asked, F_CERT, SPAN(cert));
	record_put_number(&asked, F_LAST, 9);
	a = make_act(&asked);
	ck_assert_int_eq(hash(was, a, "Room", SPAN(put)), E_OK);
	good = !differs(hash, was, a, "Room", SPAN(put));
	for (size_t i = 0; i < a->len; i++) {
		a->fields[i] ^= 1;
		good &= differs(hash, was, a, "Room", SPAN(put));
		a->fields[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof a->nonce; i++) {
		a->nonce[i] ^= 1;
		good &= differs(hash, was, a, "Room", SPAN(put));
		a->nonce[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof put; i++) {
		put[i] ^= 1;
		good &= differs(hash, was, a, "Room", SPAN(put));
		put[i] ^= 1;
	}
	good &= differs(hash, was, a, "Room", (struct span){ put, sizeof put - 1 });
	good &= differs(hash, was, a, "Root", SPAN(put));
	a->op++;
	good &= differs(hash, was, a, "Room", SPAN(put));
	a->op--;
	a->first.uid++;
	good &= differs(hash, was, a, "Room", SPAN(put));
	a->first.uid--;
	a->first.name[0]++;
	good &= differs(hash, was, a, "Room", SPAN(put));
	a->first.name[0]--;
	a->len--;
	good &= differs(hash, was, a, "Room", SPAN(put));
	a->len++;
	good &= !differs(hash, was, a, "Room", SPAN(put));
	act_free(a);
	return good;
}

/* The same, without the last field, or without the file. */
static enum err twin_fewer_fields(uint8_t out[static 32], const struct act *a, const char *room, struct span put)
{
	struct act less = *a;

	less.len -= less.len < 12 ? less.len : 12;
	return act_digest(out, &less, room, put);
}

static enum err twin_no_file(uint8_t out[static 32], const struct act *a, const char *room, struct span put)
{
	put.len = 0;
	return act_digest(out, a, room, put);
}

START_TEST(an_act_s_digest_covers_all_that_was_asked)
{
	ck_assert(covers_all(act_digest));
	ck_assert(!covers_all(twin_fewer_fields));
	ck_assert(!covers_all(twin_no_file));
}
END_TEST

START_TEST(two_acts_that_look_alike_have_two_digests)
{
	static struct record asked;
	uint8_t one[32], two[32];
	struct act *a, *b;

	record_begin(&asked, OP_RAISE);
	a = make_act(&asked);
	b = make_act(&asked);
	ck_assert_int_eq(act_digest(one, a, "Room", (struct span){ NULL, 0 }), E_OK);
	ck_assert_int_eq(act_digest(two, b, "Room", (struct span){ NULL, 0 }), E_OK);
	ck_assert_int_ne(memcmp(one, two, sizeof one), 0);
	act_free(a);
	act_free(b);
}
END_TEST

/* What the two are shown: every field, whether or not it has a name, and nothing that a terminal would obey. */
START_TEST(a_second_person_is_shown_every_field)
{
	static struct record asked, shown;
	static const struct {
		uint16_t tag;
		const char *text;
	} rows[] = {
		{ F_WHO, "anna" },	  { F_WHAT, "generate" },	     { F_LABEL, "scheme" },
		{ F_VALUE, "tdes" },	  { F_LABEL, "last device id" },     { F_VALUE, "9" },
		{ F_LABEL, "serial" },	  { F_VALUE, "TC-1" },		     { F_VALUE, "TC-2" },
		{ F_LABEL, "field 999" }, { F_VALUE, "0102" },		     { F_LABEL, "reason" },
		{ F_VALUE, "1B5B324A" },  { F_LABEL, "certificate" },
		{ F_VALUE, "40 bytes, SHA-256 " }, /* and the digest */
	};
	uint8_t cert[40] = { 1 };
	struct span fields, value;
	struct act *a;
	uint16_t op;
	struct rd r;

	record_begin(&asked, OP_GENERATE);
	record_put_text(&asked, F_SCHEME, "tdes");
	record_put_number(&asked, F_LAST, 9);
	record_put_text(&asked, F_SERIAL, "TC-1");
	record_put_text(&asked, F_SERIAL, "TC-2");
	record_put(&asked, 999, (struct span){ (const uint8_t *)"\1\2", 2 });
	record_put(&asked, F_REASON, (struct span){ (const uint8_t *)"\033[2J", 4 });
	record_put(&asked, F_CERT, SPAN(cert));
	a = make_act(&asked);
	record_begin(&shown, OP_PENDING);
	act_show(&shown, a, "generate", "Room", (struct span){ NULL, 0 }, 90);
	ck_assert_int_eq(shown.e, E_OK);
	ck_assert_int_eq(record_parse(&op, &fields, (struct span){ shown.b, shown.len }), E_OK);
	ck_assert_uint_eq(get_be64(field_get(fields, F_SECONDS).p), 10);
	rd_init(&r, fields.p, fields.len);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool digest = !strncmp(rows[i].text, "40 bytes", 8);
		uint16_t tag;

		do {
			tag = rd_u16(&r);
			value = rd_span16(&r);
		} while (tag == F_HASH || tag == F_SECONDS);
		ck_assert_uint_eq(tag, rows[i].tag);
		ck_assert_msg(value.len >= (digest ? 17 : strlen(rows[i].text)) &&
				      !memcmp(value.p, rows[i].text, digest ? 17 : value.len),
			      "%.*s, not %s", (int)value.len, (const char *)value.p, rows[i].text);
	}
	ck_assert_int_eq(rd_end(&r), E_OK);
	act_free(a);
}
END_TEST

/* The lines of an act with these fields; 0: it is too long to be shown */
static size_t shown_lines(char out[static 4096], const struct record *asked)
{
	static struct record shown;
	struct act *a = make_act(asked);
	struct rd r;
	size_t n = 0;

	out[0] = 0;
	record_begin(&shown, OP_PENDING);
	act_show(&shown, a, "revoke", "Room", (struct span){ NULL, 0 }, 90);
	act_free(a);
	rd_init(&r, shown.b + 2, shown.len - 2);
	while (!shown.e && r.left && !r.e) {
		bool value = rd_u16(&r) == F_VALUE;
		struct span text = rd_span16(&r);

		n += value;
		if (value && strlen(out) + text.len < 4000)
			sprintf(out + strlen(out), "[%.*s]", (int)text.len, (const char *)text.p);
	}
	return shown.e ? 0 : n;
}

/* A screen's line has 80 columns: what is longer could draw the next one. */
START_TEST(nothing_that_is_shown_draws_lines_of_its_own)
{
	static struct record asked;
	static char shown[4096];
	char blank[81];

	for (size_t len = 1; len <= 80; len++) {
		memset(blank, ' ', len);
		blank[0] = blank[len - 1] = 'x';
		blank[len] = 0;
		for (int word = 0; word < 2; word++) {
			record_begin(&asked, OP_REVOKE);
			record_put_text(&asked, word ? F_SERIAL : F_REASON, blank);
			ck_assert_uint_eq(shown_lines(shown, &asked), 1);
			ck_assert_msg(!strstr(shown, blank) == (len > 64 || (word && len > 2)), "%s", shown);
			ck_assert(strstr(shown, blank) || strstr(shown, "SHA-256") || len <= 32);
		}
	}
}
END_TEST

START_TEST(an_act_that_takes_two_has_its_own_fields_once)
{
	static const struct {
		uint16_t op, tag[4];
		bool good;
	} rows[] = {
		{ OP_STATE, { F_KEY_SET, F_STATE }, true },
		{ OP_STATE, { F_STATE, F_KEY_SET }, true },
		{ OP_STATE, { F_KEY_SET, F_STATE, F_KEY_SET }, false },
		{ OP_STATE, { F_KEY_SET, F_STATE, F_REASON }, true },
		{ OP_STATE, { F_KEY_SET, F_STATE, F_SCHEME }, false },
		{ OP_OPEN, { F_SERIAL, F_SERIAL, F_SLOT, F_SERIAL }, true },
		{ OP_OPEN, { F_SERIAL, F_SLOT, F_SLOT }, false },
		{ OP_REVOKE, { F_SERIAL, F_SERIAL }, false },
		{ OP_RAISE, { 0 }, true },
		{ OP_RAISE, { F_REASON }, false },
		{ OP_LIST, { 0 }, false },
	};
	static struct record asked;
	const struct rule *r;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		record_begin(&asked, rows[i].op);
		for (size_t k = 0; k < 4 && rows[i].tag[k]; k++)
			record_put_text(&asked, rows[i].tag[k], "x");
		ck_assert_msg(act_takes(rows[i].op, (struct span){ asked.b + 2, asked.len - 2 }) == rows[i].good, "row %zu", i);
	}
	for (size_t i = 0; (r = rule_next(i)); i++)
		ck_assert_msg(act_takes(r->op, (struct span){ NULL, 0 }) == !!r->agrees, "%s", server_op_name(r->op));
}
END_TEST

START_TEST(an_act_that_nobody_could_read_is_not_shown)
{
	static struct record asked;
	static char shown[4096];
	size_t n;

	for (n = 1; n < 4000; n++) {
		if (n == 1)
			record_begin(&asked, OP_OPEN);
		record_put_text(&asked, F_SERIAL, "TERMINAL-0000001");
		if (!shown_lines(shown, &asked))
			break;
	}
	ck_assert_uint_gt(n, 500);
	ck_assert_uint_lt(n * 20, ACT_SHOWN + 40);
}
END_TEST

/* --- Persons in a journal ----------------------------------------------------------------------------------------- */

static char dir[64], path[96];
static struct room room;

static void setup(void)
{
	test_folder_make(dir, sizeof dir);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	memset(&room, 0, sizeof room);
	room.config.test = true;
	ck_assert_int_eq(journal_create(path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_open(&room.journal, path, ROOM_LOAD), E_OK);
}

static void teardown(void)
{
	journal_close(room.journal);
	test_folder_remove(dir);
}

static bool in_force(void)
{
	bool yes;

	ck_assert_int_eq(people_in_force(&yes, &room), E_OK);
	return yes;
}

START_TEST(a_test_room_goes_by_its_people_from_the_second_custodian_on)
{
	char why[ROOM_WHY];

	ck_assert(!in_force());
	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(people_appoint(&room, "otto", 1009, PERSON_OPERATOR, NULL, why), E_OK);
	ck_assert(!in_force());
	ck_assert_int_eq(people_appoint(&room, "bert", 1002, PERSON_CUSTODIAN | PERSON_SUPERVISOR, NULL, why), E_OK);
	ck_assert(in_force());
	/* and for good */
	ck_assert_int_eq(people_dismiss(&room, "anna", why), E_DENIED);
	ck_assert_int_eq(people_dismiss(&room, "bert", why), E_DENIED);
	ck_assert_int_eq(people_dismiss(&room, "otto", why), E_OK);
	ck_assert_int_eq(people_dismiss(&room, "otto", why), E_PERSON);
	ck_assert_int_eq(people_appoint(&room, "cora", 1003, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(people_dismiss(&room, "anna", why), E_OK);
	ck_assert(in_force());
	room.config.test = false;
	ck_assert(in_force());
	ck_assert_int_eq(people_appoint(&room, "root", 0, PERSON_SUPERVISOR, NULL, why), E_DENIED);
	/* custodians come and go with their shares */
	ck_assert_int_eq(people_appoint(&room, "carl", 1004, PERSON_CUSTODIAN, NULL, why), E_DENIED);
	ck_assert_int_eq(people_appoint(&room, "sara", 1005, PERSON_SUPERVISOR, NULL, why), E_OK);
	ck_assert_int_eq(people_dismiss(&room, "cora", why), E_DENIED);
	ck_assert_int_eq(people_dismiss(&room, "sara", why), E_OK);
}
END_TEST

START_TEST(a_name_has_one_uid_and_a_uid_one_name)
{
	struct person p, again;
	char why[ROOM_WHY];
	uint64_t at = 0;
	int n = 0;

	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(people_appoint(&room, "anna", 1002, PERSON_CUSTODIAN, NULL, why), E_EXISTS);
	ck_assert_int_eq(people_appoint(&room, "anne", 1001, PERSON_CUSTODIAN, NULL, why), E_EXISTS);
	ck_assert_int_eq(people_appoint(&room, "Anne", 1003, PERSON_CUSTODIAN, NULL, why), E_FORMAT);
	ck_assert_int_eq(people_appoint(&room, "anne", 1003, PERSON_CUSTODIAN | PERSON_AUDITOR, NULL, why), E_DENIED);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_int_eq(journal_person(&again, room.journal, NULL, 1001), E_OK);
	ck_assert_uint_eq(p.row, again.row);
	ck_assert(!p.passphrase);
	ck_assert_int_eq(journal_person(&p, room.journal, "anne", 0), E_PERSON);
	ck_assert_int_eq(journal_person(&p, room.journal, NULL, 1003), E_PERSON);
	/* whoever comes after her is not her */
	ck_assert_int_eq(people_dismiss(&room, "anna", why), E_DENIED);
	ck_assert_int_eq(journal_person_remove(room.journal, again.row), E_OK);
	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_uint_ne(p.row, again.row);
	while (!journal_person_next(&p, room.journal, &at))
		n++;
	ck_assert_int_eq(n, 1);
}
END_TEST

static struct span phrase(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

static enum err people_login(const struct room *r, struct person *p, struct span phrase, char said[static ROOM_WHY])
{
	struct passphrase_verifier v;
	struct person tried;
	enum err e = people_guess(&v, r, p, said);

	tried = *p;
	return e ? e : people_knows(r, p, &tried, passphrase_verify(&v, phrase));
}

START_TEST(wrong_passphrases_are_counted_and_enough_of_them_keep_a_person_out)
{
	struct person p, kept;
	char why[ROOM_WHY];

	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_int_eq(people_login(&room, &p, phrase("anything at all"), why), E_DENIED); /* none is set */
	ck_assert_int_eq(people_passphrase(&room, &p, phrase("too short")), E_RANGE);
	ck_assert(!p.passphrase);
	ck_assert_int_eq(people_passphrase(&room, &p, phrase("a good long one")), E_OK);
	ck_assert_int_eq(people_login(&room, &p, phrase("a good long onf"), why), E_PASSPHRASE);
	ck_assert_int_eq(people_login(&room, &p, phrase(""), why), E_PASSPHRASE);
	ck_assert_int_eq(journal_person(&kept, room.journal, "anna", 0), E_OK);
	ck_assert_uint_eq(kept.wrong, 2);
	ck_assert_int_eq(people_login(&room, &p, phrase("a good long one"), why), E_OK);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_uint_eq(p.wrong, 0);
	for (int i = 0; i < PEOPLE_WRONG; i++)
		ck_assert_int_eq(people_login(&room, &p, phrase(""), why), E_PASSPHRASE);
	ck_assert_int_eq(people_login(&room, &p, phrase("a good long one"), why), E_DENIED);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK); /* also on another connection */
	ck_assert_int_eq(people_login(&room, &p, phrase("a good long one"), why), E_DENIED);
}
END_TEST

START_TEST(a_passphrase_is_not_in_the_journal)
{
	static uint8_t file[1 << 20];
	struct person p;
	char why[ROOM_WHY];
	FILE *f;
	size_t n;

	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, NULL, why), E_OK);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_int_eq(people_passphrase(&room, &p, phrase("a good long one")), E_OK);
	for (int wal = 0; wal < 2; wal++) {
		char name[112];

		snprintf(name, sizeof name, "%s%s", path, wal ? "-wal" : "");
		f = fopen(name, "r");
		ck_assert_ptr_nonnull(f);
		n = fread(file, 1, sizeof file, f);
		fclose(f);
		ck_assert_uint_lt(n, sizeof file);
		ck_assert_ptr_null(memmem(file, n, "good long", 9));
	}
}
END_TEST

/* --- Cards -------------------------------------------------------------------------------------------------------- */

typedef enum err card_hash(uint8_t out[static 32], const char *room, const uint8_t nonce[static CARD_NONCE], const char *person,
			   uint32_t uid, const uint8_t request[static 32]);

/* Every byte of what is signed. */
static bool binds_all(card_hash *hash)
{
	uint8_t nonce[CARD_NONCE] = { 1 }, request[32] = { 2 }, was[32], is[32];
	bool good = true;

	ck_assert_int_eq(hash(was, "Room", nonce, "anna", 1001, request), E_OK);
	for (size_t i = 0; i < 32; i++) {
		nonce[i] ^= 1;
		ck_assert_int_eq(hash(is, "Room", nonce, "anna", 1001, request), E_OK);
		good &= memcmp(was, is, sizeof is) != 0;
		nonce[i] ^= 1;
		request[i] ^= 1;
		ck_assert_int_eq(hash(is, "Room", nonce, "anna", 1001, request), E_OK);
		good &= memcmp(was, is, sizeof is) != 0;
		request[i] ^= 1;
	}
	ck_assert_int_eq(hash(is, "Root", nonce, "anna", 1001, request), E_OK);
	good &= memcmp(was, is, sizeof is) != 0;
	ck_assert_int_eq(hash(is, "Room", nonce, "anne", 1001, request), E_OK);
	good &= memcmp(was, is, sizeof is) != 0;
	ck_assert_int_eq(hash(is, "Room", nonce, "anna", 1002, request), E_OK);
	return good && memcmp(was, is, sizeof is) != 0;
}

static enum err twin_no_nonce(uint8_t out[static 32], const char *where, const uint8_t nonce[static CARD_NONCE], const char *person,
			      uint32_t uid, const uint8_t request[static 32])
{
	static const uint8_t none[CARD_NONCE];

	(void)nonce;
	return card_digest(out, where, none, person, uid, request);
}

static enum err twin_any_request(uint8_t out[static 32], const char *where, const uint8_t nonce[static CARD_NONCE],
				 const char *person, uint32_t uid, const uint8_t request[static 32])
{
	static const uint8_t none[32];

	(void)request;
	return card_digest(out, where, nonce, person, uid, none);
}

START_TEST(a_card_signs_for_one_room_person_nonce_and_request)
{
	ck_assert(binds_all(card_digest));
	ck_assert(!binds_all(twin_no_nonce));
	ck_assert(!binds_all(twin_any_request));
}
END_TEST

START_TEST(a_card_s_signature_is_its_own)
{
	const struct key priv = { { 1 }, 32 }, other = { { 2 }, 32 };
	uint8_t point[P256_POINT], nonce[CARD_NONCE] = { 3 }, request[32] = { 4 }, digest[32], sig[P256_SIG];
	struct person p;
	char why[ROOM_WHY];

	strcpy(room.config.name, "Room");
	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	point[64] ^= 1;
	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, point, why), E_POINT);
	point[64] ^= 1;
	ck_assert_int_eq(people_appoint(&room, "anna", 1001, PERSON_CUSTODIAN, point, why), E_OK);
	ck_assert_int_eq(journal_person(&p, room.journal, "anna", 0), E_OK);
	ck_assert_int_eq(card_digest(digest, "Room", nonce, "anna", 1001, request), E_OK);
	ck_assert_int_eq(p256_sign(sig, &priv, digest), E_OK);
	ck_assert_int_eq(people_card(&room, &p, nonce, request, SPAN(sig)), E_OK);
	ck_assert_int_eq(people_card(&room, &p, nonce, request, (struct span){ sig, sizeof sig - 1 }), E_SIGNATURE);
	request[0] ^= 1;
	ck_assert_int_eq(people_card(&room, &p, nonce, request, SPAN(sig)), E_SIGNATURE);
	request[0] ^= 1;
	ck_assert_int_eq(p256_sign(sig, &other, digest), E_OK);
	ck_assert_int_eq(people_card(&room, &p, nonce, request, SPAN(sig)), E_SIGNATURE);
	/* and no passphrase beside it */
	ck_assert_int_eq(people_login(&room, &p, phrase("a good long one"), why), E_DENIED);
	p.has_card = false;
	ck_assert_int_eq(people_card(&room, &p, nonce, request, SPAN(sig)), E_DENIED);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("people");
	TCase *rules = tcase_create("rules"), *kept = tcase_create("kept");

	tcase_add_test(rules, names_are_plain);
	tcase_add_test(rules, every_set_of_roles_is_read_as_it_is_printed);
	tcase_add_test(rules, nobody_holds_two_roles_that_control_each_other);
	tcase_add_test(rules, the_page_says_what_the_table_says);
	tcase_add_test(rules, every_role_may_ask_and_agree_to_what_the_page_says);
	tcase_add_test(rules, the_table_has_a_row_for_all_that_people_may_ask);
	tcase_add_test(rules, what_makes_moves_or_ends_a_key_takes_two);
	tcase_add_test(rules, two_who_share_a_name_or_a_uid_are_one_person);
	tcase_add_test(rules, an_act_s_digest_covers_all_that_was_asked);
	tcase_add_test(rules, two_acts_that_look_alike_have_two_digests);
	tcase_add_test(rules, a_second_person_is_shown_every_field);
	tcase_add_test(rules, nothing_that_is_shown_draws_lines_of_its_own);
	tcase_add_test(rules, an_act_that_takes_two_has_its_own_fields_once);
	tcase_add_test(rules, an_act_that_nobody_could_read_is_not_shown);
	tcase_add_test(rules, a_card_signs_for_one_room_person_nonce_and_request);
	suite_add_tcase(s, rules);
	tcase_set_timeout(kept, 60);
	tcase_add_checked_fixture(kept, setup, teardown);
	tcase_add_test(kept, a_test_room_goes_by_its_people_from_the_second_custodian_on);
	tcase_add_test(kept, a_name_has_one_uid_and_a_uid_one_name);
	tcase_add_test(kept, wrong_passphrases_are_counted_and_enough_of_them_keep_a_person_out);
	tcase_add_test(kept, a_passphrase_is_not_in_the_journal);
	tcase_add_test(kept, a_card_s_signature_is_its_own);
	suite_add_tcase(s, kept);
	return s;
}

int main(void)
{
	return test_main(suite());
}
