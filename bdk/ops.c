#include "bdk/ops.h"
#include "base/hex.h"
#include "base/serial.h"
#include "bdk/key_state.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAX = 1024 };

enum err ops_serial(char serial[static CERT_TEXT], struct ask *a, struct span value)
{
	if (!serial_ok((const char *)value.p, value.len)) {
		serial[0] = 0;
		snprintf(a->why, sizeof a->why, "a serial is 1 to %d letters, digits and dashes", SERIAL_MAX);
		return E_FORMAT;
	}
	memcpy(serial, value.p, value.len);
	serial[value.len] = 0;
	return E_OK;
}

enum err ops_key_set(struct key_set *s, struct ask *a, struct span fields, uint16_t tag)
{
	char id[KEY_SET_TEXT];
	enum err e = field_text(id, sizeof id, fields, tag);

	if (!e)
		e = journal_key_set(s, a->room->journal, id);
	if (e == E_FORMAT || e == E_KEY_SET) {
		snprintf(a->why, sizeof a->why, "%s%sno key set of this room", id, *id ? " is " : "");
		e = E_KEY_SET;
	}
	return e;
}

enum err ops_wanted(struct key_set_id *set, struct ask *a)
{
	struct key_set_id out = { .len = 0 };
	char scheme[16], id[KEY_SET_TEXT];
	enum err e = field_text(scheme, sizeof scheme, a->fields, F_SCHEME);

	if (!e)
		e = dukpt_scheme_parse(&out.scheme, scheme);
	if (e) {
		snprintf(a->why, sizeof a->why, "a scheme is tdes, aes128, aes192 or aes256");
		return E_SCHEME;
	}
	if (field_get(a->fields, F_KEY_SET).p) {
		e = field_text(id, sizeof id, a->fields, F_KEY_SET);
		if (!e)
			e = key_set_parse(&out, id, out.scheme);
		if (e) {
			snprintf(a->why, sizeof a->why, "a key set is 10 hex digits beginning FFFF (tdes), or 8 (AES)");
			return e;
		}
		snprintf(a->object, sizeof a->object, "%s", id);
	}
	*set = out;
	return E_OK;
}

void ops_number(char text[static OPS_NUMBER], const uint8_t number[static 20])
{
	size_t zeros = 0;

	while (zeros < 19 && !number[zeros])
		zeros++;
	hex_encode(text, number + zeros, 20 - zeros);
}

enum err ops_sum(char text[static OPS_SUM], struct span lines)
{
	uint8_t hash[32];
	enum err e = sha256(hash, &lines, 1);

	if (!e)
		hex_encode(text, hash, sizeof hash);
	return e;
}

enum err ops_period(struct period *p, struct ask *a)
{
	enum err e = E_OK;

	*p = (struct period){ 0, 0 };
	if (field_get(a->fields, F_FROM).p)
		e = field_number(&p->from, a->fields, F_FROM, INT64_MAX);
	if (!e && field_get(a->fields, F_UNTIL).p)
		e = field_number(&p->until, a->fields, F_UNTIL, INT64_MAX);
	return e ? e : key_state_period_check(p, a->why);
}

enum err ops_sign(struct ask *a, const char *text, size_t len)
{
	struct room_key key = { a->room, "records" };
	struct bulk out = { malloc(len + SEAL_SIG + 32), 0 };
	uint8_t digest[32], sig[P256_SIG];
	char line[SEAL_SIG];
	enum err e = out.b ? sha256(digest, &(struct span){ (const uint8_t *)text, len }, 1) : E_INTERNAL;

	if (!e)
		e = room_sign(&key, sig, digest);
	if (!e)
		e = seal_sig(line, sig);
	if (e) {
		free(out.b);
		return e;
	}
	memcpy(out.b, text, len);
	out.len = len + (size_t)snprintf((char *)out.b + len, SEAL_SIG + 32, "signature = %s\n", line);
	ops_leave(a, out);
	return E_OK;
}

void ops_left(struct record *answer, const struct lease_forecast *f)
{
	record_put_number(answer, F_LEFT, f->left);
	if (f->known)
		record_put_number(answer, F_DAYS, f->days);
}

enum err ops_since(uint64_t *since, const struct ask *a)
{
	*since = 0;
	return field_get(a->fields, F_SINCE).p ? field_number(since, a->fields, F_SINCE, INT64_MAX) : E_OK;
}

bool ops_full(const struct record *answer)
{
	return answer->e || answer->len > RECORD_MAX - ROW_MAX;
}

void ops_more(struct record *answer, bool more, uint64_t sequence)
{
	record_put_number(answer, F_MORE, more);
	record_put_number(answer, F_SEQUENCE, sequence);
}

void ops_facts(struct record *answer, const struct load *l)
{
	size_t row = record_open(answer, F_ROW);
	char set[KEY_SET_TEXT];

	key_set_text(set, &l->set);
	record_put_number(answer, F_SEQUENCE, l->sequence);
	record_put_number(answer, F_TIME, l->utc);
	record_put_text(answer, F_SERIAL, l->serial);
	record_put(answer, F_SPKI, SPAN(l->spki));
	record_put_text(answer, F_KEY_SET, set);
	record_put_text(answer, F_SCHEME, dukpt_scheme_name(l->set.scheme));
	record_put_number(answer, F_SLOT, l->slot);
	record_put(answer, F_KSN, (struct span){ l->iksn.b, l->iksn.len });
	record_put_text(answer, F_STATE, load_state_name(l->state));
	if (l->kcv.len)
		record_put(answer, F_KCV, (struct span){ l->kcv.b, l->kcv.len });
	record_put_number(answer, F_LOAD_COUNT, l->load_count);
	record_put_text(answer, F_FIRMWARE, l->firmware);
	record_close(answer, row);
}
