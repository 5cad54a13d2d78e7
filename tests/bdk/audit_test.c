/*
 * The audit outside a room: whatever is changed, removed, doubled or moved in an export is found and named, and so is one that
 * ends before a head that somebody holds. audit.c is compiled into this program with twins in the place of two functions that
 * it calls: with them on, it does not look at the hash before, or takes every signature, and the same doctored exports pass.
 */
#include "crypto/p256.h"

#include <stdbool.h>
#include <string.h>

static bool unchained, credulous;

static int twin_memcmp(const void *a, const void *b, size_t n)
{
	return unchained && n == 32 ? 0 : memcmp(a, b, n);
}

static enum err twin_verify(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	return credulous ? E_OK : p256_verify(sig, point, digest);
}

#define memcmp twin_memcmp
#define p256_verify twin_verify
#include "bdk/audit.c"
#undef memcmp
#undef p256_verify

#include "tests/lib/audit_sim.h"
#include "tests/lib/test.h"

static struct audit_sim sim;
static char text[2 * sizeof sim.text], why[AUDIT_WHY];
static size_t len;
static struct audit_check check;

static void setup(void)
{
	unchained = credulous = false;
	audit_sim(&sim);
	memcpy(text, sim.text, sim.len);
	len = sim.len;
}

/* Against the newest head. */
static enum err verify(void)
{
	return audit_verify(&check, (struct span){ (const uint8_t *)text, len }, &sim.head[AUDIT_SIM_RECORDS], 1, why);
}

static void add(size_t record)
{
	size_t n = sim.line[record + 1] - sim.line[record];

	memcpy(text + len, sim.text + sim.line[record], n);
	len += n;
}

/* The record that a byte belongs to. */
static uint64_t record_at(size_t at)
{
	uint64_t i = 1;

	while (at >= sim.line[i])
		i++;
	return i;
}

START_TEST(what_a_room_writes_is_whole_and_every_head_of_it_fits)
{
	struct audit a;

	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, sim.head, AUDIT_SIM_RECORDS + 1, why),
			 E_OK);
	ck_assert_uint_eq(check.records, AUDIT_SIM_RECORDS);
	ck_assert_uint_eq(check.held, AUDIT_SIM_RECORDS);
	ck_assert_uint_eq(check.named, 0);
	ck_assert_str_eq(why, "");
	for (size_t i = 0; i < AUDIT_SIM_RECORDS; i++) {
		ck_assert_int_eq(audit_parse(&a, (struct span){ (const uint8_t *)text + sim.line[i], sim.line[i + 1] - sim.line[i] }),
				 E_OK);
		ck_assert_mem_eq(&a, &sim.record[i], sizeof a);
	}
	len = 0;
	ck_assert_int_eq(audit_verify(&check, (struct span){ NULL, 0 }, sim.head, 1, why), E_OK);
}
END_TEST

START_TEST(every_changed_byte_is_found_in_its_record)
{
	for (size_t at = 0; at < sim.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			text[at] = (char)(text[at] ^ 1 << bit);
			ck_assert_int_eq(verify(), E_FORMAT);
			ck_assert_msg(check.named == record_at(at), "byte %zu of record %llu: %s", at,
				      (unsigned long long)record_at(at), why);
			ck_assert_ptr_nonnull(strstr(why, "record"));
			text[at] = sim.text[at];
		}
}
END_TEST

START_TEST(every_removed_record_is_named)
{
	char said[64];

	len = 0;
	for (size_t i = 0; i < AUDIT_SIM_RECORDS; i++)
		if (i != (size_t)_i)
			add(i);
	ck_assert_int_eq(verify(), E_FORMAT);
	ck_assert_uint_eq(check.named, (uint64_t)_i + 1);
	snprintf(said, sizeof said, "record %d was removed", _i + 1);
	ck_assert_str_eq(_i + 1 < AUDIT_SIM_RECORDS ? why : said, said);
	if (_i + 1 == AUDIT_SIM_RECORDS)
		ck_assert_ptr_nonnull(strstr(why, "truncated: it ends with record 8"));
}
END_TEST

/* Once more somewhere: behind each record, a copy of that one. */
START_TEST(every_doubled_record_is_named)
{
	for (size_t copy = 0; copy < AUDIT_SIM_RECORDS; copy++) {
		len = 0;
		for (size_t i = 0; i < AUDIT_SIM_RECORDS; i++) {
			add(i);
			if (i == (size_t)_i)
				add(copy);
		}
		ck_assert_int_eq(verify(), E_FORMAT);
		if (copy <= (size_t)_i + 1) {
			ck_assert_uint_eq(check.named, copy + 1);
			ck_assert_ptr_nonnull(strstr(why, "stands twice"));
		} else {	/* it comes before its time, and then in its place */
			ck_assert_uint_eq(check.named, (uint64_t)_i + 2);
			ck_assert_ptr_nonnull(strstr(why, "inserted"));
		}
	}
}
END_TEST

START_TEST(every_two_swapped_records_are_named)
{
	for (size_t b = (size_t)_i + 1; b < AUDIT_SIM_RECORDS; b++) {
		len = 0;
		for (size_t i = 0; i < AUDIT_SIM_RECORDS; i++)
			add(i == (size_t)_i ? b : i == b ? (size_t)_i : i);
		ck_assert_int_eq(verify(), E_FORMAT);
		ck_assert_uint_eq(check.named, (uint64_t)_i + 1);
		ck_assert_msg(strstr(why, b == (size_t)_i + 1 ? "in each other's place" : "was moved to line"), "%s", why);
	}
}
END_TEST

START_TEST(what_was_inserted_is_named)
{
	struct audit a = sim.record[_i];
	char line[AUDIT_LINE];
	size_t n;

	snprintf(a.object, sizeof a.object, "what never was");
	n = audit_line(line, &a);
	len = sim.line[_i];
	memcpy(text + len, line, n);
	len += n;
	for (size_t i = (size_t)_i; i < AUDIT_SIM_RECORDS; i++)
		add(i);
	ck_assert_int_eq(verify(), E_FORMAT);
	ck_assert_uint_eq(check.named, (uint64_t)_i + 1);
	ck_assert_ptr_nonnull(strstr(why, "was inserted before record"));
}
END_TEST

/* Whoever can write the journal can make a whole chain anew, but cannot sign. */
START_TEST(a_chain_made_anew_or_cut_off_does_not_fit_a_head)
{
	size_t i = (size_t)_i;

	snprintf(sim.record[i].object, sizeof sim.record[i].object, "another");
	audit_sim_chain(&sim, i);
	memcpy(text, sim.text, sim.len);
	len = sim.len;
	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, NULL, 0, why), E_OK);
	ck_assert_int_eq(verify(), E_FORMAT);
	ck_assert_uint_eq(check.named, AUDIT_SIM_RECORDS);
	/* With a head of each record the first one that is not what it was is named. */
	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, sim.head, AUDIT_SIM_RECORDS + 1, why),
			 E_FORMAT);
	ck_assert_uint_eq(check.named, i + 1);
	ck_assert_uint_eq(check.held, i);
	len = sim.line[i];
	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, sim.head, i + 1, why), E_OK);
	ck_assert_int_eq(verify(), E_FORMAT);
	ck_assert_uint_eq(check.named, i + 1);
	ck_assert_ptr_nonnull(strstr(why, "truncated"));
}
END_TEST

/* The head that a text holds, alone. */
static enum err read_head(const char *stanza)
{
	struct audit_head *h;
	size_t n = 0;
	enum err e = audit_heads(&h, &n, (struct span){ (const uint8_t *)stanza, strlen(stanza) }, sim.records, why);

	if (!e)
		ck_assert_mem_eq(h, &sim.head[5], sizeof *h);
	else
		ck_assert_ptr_null(h);
	free(h);
	return e;
}

START_TEST(a_head_is_read_only_if_the_records_key_signed_it)
{
	struct key other = { { 4 }, 32 };
	char stanza[AUDIT_HEAD_TEXT], two[2 * AUDIT_HEAD_TEXT];
	struct audit_head h = sim.head[5], *all;
	size_t n;

	ck_assert_int_eq(audit_head_text(stanza, &h), E_OK);
	ck_assert_int_eq(read_head(stanza), E_OK);
	for (size_t at = 0; stanza[at]; at++)
		for (int bit = 0; bit < 7; bit++) {
			stanza[at] = (char)(stanza[at] ^ 1 << bit);
			if (stanza[at])
				ck_assert_msg(read_head(stanza) != E_OK && *why, "byte %zu: %s", at, stanza);
			stanza[at] = (char)(stanza[at] ^ 1 << bit);
		}
	h.sequence = 3;
	ck_assert_int_eq(audit_head_text(stanza, &h), E_OK);
	ck_assert_int_eq(read_head(stanza), E_SIGNATURE);
	h = sim.head[5];
	audit_sim_sign(&h, &other);
	ck_assert_int_eq(audit_head_text(stanza, &h), E_OK);
	ck_assert_int_eq(read_head(stanza), E_SIGNATURE);
	ck_assert_int_eq(p256_public(h.records, &other), E_OK);
	audit_sim_sign(&h, &other);
	ck_assert_int_eq(audit_head_text(stanza, &h), E_OK);
	ck_assert_int_eq(read_head(stanza), E_KEY);
	ck_assert_int_eq(read_head(""), E_FORMAT);
	ck_assert_int_eq(audit_head_text(stanza, &sim.head[2]), E_OK);
	ck_assert_int_eq(audit_head_text(two, &sim.head[7]), E_OK);
	strcat(strcat(two, "\n"), stanza);
	ck_assert_int_eq(audit_heads(&all, &n, (struct span){ (const uint8_t *)two, strlen(two) }, sim.records, why), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(all[0].sequence, 7);
	ck_assert_uint_eq(all[1].sequence, 2);
	free(all);
}
END_TEST

/* Record 4 left out and the rest numbered on; a head that says less than was signed. */
START_TEST(the_broken_twins_believe_what_is_refused)
{
	char stanza[AUDIT_HEAD_TEXT], line[AUDIT_LINE];
	struct audit_head h = sim.head[5], *all;
	size_t n;

	len = sim.line[3];
	for (size_t i = 4; i < AUDIT_SIM_RECORDS; i++) {
		struct audit a = sim.record[i];

		a.sequence = i;
		n = audit_line(line, &a);
		memcpy(text + len, line, n);
		len += n;
	}
	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, NULL, 0, why), E_FORMAT);
	ck_assert_uint_eq(check.named, 4);
	unchained = true;
	ck_assert_int_eq(audit_verify(&check, (struct span){ (const uint8_t *)text, len }, NULL, 0, why), E_OK);
	unchained = false;
	h.sequence = 4;
	ck_assert_int_eq(audit_head_text(stanza, &h), E_OK);
	ck_assert_int_eq(read_head(stanza), E_SIGNATURE);
	credulous = true;
	ck_assert_int_eq(audit_heads(&all, &n, (struct span){ (const uint8_t *)stanza, strlen(stanza) }, sim.records, why), E_OK);
	free(all);
}
END_TEST

START_TEST(a_record_has_one_text)
{
	static const char *const good =
		"{\"sequence\":1,\"utc\":\"2026-11-20T10:50:00Z\",\"who\":\"a\\\"\\\\\\u0009\",\"what\":\"\",\"object\":\"\","
		"\"reason\":\"\",\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\"}\n";
	static const struct {
		const char *from, *to;
	} bad[] = {
		{ ":1,", ":01," }, { ":1,", ": 1," }, { ":1,", ":-1," }, { "\\u0009", "\\t" }, { "\\u0009", "\\u0041" },
		{ "\\u0009", "\\u007E" }, { "\\u0009", "\\u000a" }, { "\\u0009", "\\u0000" }, { "\\u0009", "\\u0100" }, { "\\u0009", "\\" },
		{ "T10", " 10" }, { "11-20", "11-31" }, { "11-20", "13-20" }, { "0\"}", "G\"}" }, { "00\"}", "\"}" }, { "}\n", "}" },
		{ "}\n", "}\r\n" }, { "}\n", "}\n\n" }, { "who", "whom" },
	};
	char b[512];
	struct audit a;

	ck_assert_int_eq(audit_parse(&a, (struct span){ (const uint8_t *)good, strlen(good) }), E_OK);
	ck_assert_str_eq(a.who, "a\"\\\t");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *at = strstr(good, bad[i].from);

		snprintf(b, sizeof b, "%.*s%s%s", (int)(at - good), good, bad[i].to, at + strlen(bad[i].from));
		ck_assert_msg(audit_parse(&a, (struct span){ (const uint8_t *)b, strlen(b) }) == E_FORMAT, "%s", b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("audit");
	TCase *t = tcase_create("audit");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_a_room_writes_is_whole_and_every_head_of_it_fits);
	tcase_add_test(t, every_changed_byte_is_found_in_its_record);
	tcase_add_loop_test(t, every_removed_record_is_named, 0, AUDIT_SIM_RECORDS);
	tcase_add_loop_test(t, every_doubled_record_is_named, 0, AUDIT_SIM_RECORDS);
	tcase_add_loop_test(t, every_two_swapped_records_are_named, 0, AUDIT_SIM_RECORDS - 1);
	tcase_add_loop_test(t, what_was_inserted_is_named, 0, AUDIT_SIM_RECORDS);
	tcase_add_loop_test(t, a_chain_made_anew_or_cut_off_does_not_fit_a_head, 0, AUDIT_SIM_RECORDS);
	tcase_add_test(t, a_head_is_read_only_if_the_records_key_signed_it);
	tcase_add_test(t, the_broken_twins_believe_what_is_refused);
	tcase_add_test(t, a_record_has_one_text);
	suite_add_tcase(s, t);
	return test_main(s);
}
