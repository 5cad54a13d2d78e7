#include "bdk/ops.h"
#include "base/wipe.h"

#include <stdio.h>
#include <string.h>

/* F_PIN, if a PIN block was sent. */
static enum err recover_to_pin(struct ask *a, const struct ksn *k)
{
	struct span block = field_get(a->fields, F_PIN_BLOCK);
	struct pin pin = { .len = 0 };
	struct pan pan;
	char text[PAN_MAX + 1], digits[PIN_MAX + 1] = "";
	bool has_pan = field_get(a->fields, F_PAN).p;
	uint64_t format;
	enum err e;

	if (!block.p)
		return E_OK;
	e = field_number(&format, a->fields, F_PIN_FORMAT, PIN_FORMAT_4);
	if (!e && has_pan)
		e = field_text(text, sizeof text, a->fields, F_PAN);
	if (!e && has_pan)
		e = pan_parse(&pan, text);
	if (!e)
		e = recover_pin(&pin, a->recover, a->room, k, (int)format, block, has_pan ? &pan : NULL);
	if (!e) {
		for (size_t i = 0; i < pin.len; i++)
			digits[i] = (char)('0' + pin.digit[i]);
		record_put_text(a->answer, F_PIN, digits);
	}
	wipe(&pin, sizeof pin);
	wipe(digits, sizeof digits);
	return e;
}

/* F_CLEAR, if data was sent. */
static enum err recover_to_clear(struct ask *a, const struct ksn *k)
{
	struct span data = field_get(a->fields, F_DATA);
	uint8_t clear[RECOVER_DATA];
	size_t len = 0;
	enum err e;

	if (!data.p)
		return E_OK;
	e = recover_data(clear, &len, a->recover, a->room, k, data);
	if (!e)
		record_put(a->answer, F_CLEAR, (struct span){ clear, len });
	wipe(clear, sizeof clear);
	return e;
}

enum err op_recover(struct ask *a)
{
	struct span ksn = field_get(a->fields, F_KSN), mac = field_get(a->fields, F_MAC);
	struct ksn k = { .len = 0 };
	struct key_set set;
	char text[KSN_TEXT], id[KEY_SET_TEXT];
	enum err e, verdict = E_OK;

	if (ksn.len != KSN_TDES && ksn.len != KSN_AES) {
		snprintf(a->why, sizeof a->why, "a KSN is %d or %d bytes", KSN_TDES, KSN_AES);
		return E_FORMAT;
	}
	memcpy(k.b, ksn.p, ksn.len);
	k.len = (uint8_t)ksn.len;
	ksn_text(text, &k);
	snprintf(a->object, sizeof a->object, "%s", text);
	e = recover_begin(a->recover, &set, a->room, &k, a->why);
	if (e)
		return e;
	key_set_text(id, &set.id);
	record_put_text(a->answer, F_SCHEME, dukpt_scheme_name(set.id.scheme));
	record_put_text(a->answer, F_KEY_SET, id);
	if (mac.p) {
		verdict = recover_mac(a->recover, &k, mac, field_get(a->fields, F_MAC_DATA));
		if (verdict && verdict != E_MAC)
			return verdict;
		record_put_text(a->answer, F_VERDICT, verdict ? "wrong" : "ok");
	}
	/* Nothing is deciphered for a message that was changed on its way. */
	if (!verdict)
		e = recover_to_pin(a, &k);
	if (!e && !verdict)
		e = recover_to_clear(a, &k);
	return e;
}
