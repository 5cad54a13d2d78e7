#include "acquirer/recover_answer.h"
#include "base/host/stanza.h"
#include "base/wipe.h"

#include <string.h>

enum err answer_print(FILE *out, const char *ksn, const struct record *request, struct span fields)
{
	const struct span asked = { request->b + 2, request->len - 2 };
	bool ask_pin = field_get(asked, F_PIN_BLOCK).p, ask_mac = field_get(asked, F_MAC).p;
	bool ask_data = field_get(asked, F_DATA).p;
	struct span clear = field_get(fields, F_CLEAR);
	char scheme[16], key_set[16], pin[13] = "", verdict[8] = "";
	enum err e = E_FORMAT;

	if (field_text(scheme, sizeof scheme, fields, F_SCHEME) ||
	    field_text(key_set, sizeof key_set, fields, F_KEY_SET))
		goto done;
	if (ask_mac && (field_text(verdict, sizeof verdict, fields, F_VERDICT) ||
			(strcmp(verdict, "ok") && strcmp(verdict, "wrong"))))
		goto done;
	if (!strcmp(verdict, "wrong")) {
		fprintf(out,
			"ksn = %s\nscheme = %s\nkey_set = %s\nmac_verdict = wrong\nstatus = refused\nreason = %s\n\n",
			ksn, scheme, key_set, err_text(E_MAC));
		e = E_MAC;
		goto done;
	}
	if (ask_pin && (field_text(pin, sizeof pin, fields, F_PIN) || strspn(pin, "0123456789") != strlen(pin)))
		goto done;
	if (ask_data && !clear.p)
		goto done;
	fprintf(out, "ksn = %s\nscheme = %s\nkey_set = %s\n", ksn, scheme, key_set);
	if (ask_pin)
		fprintf(out, "pin = %s\n", pin);
	if (ask_mac)
		fputs("mac_verdict = ok\n", out);
	if (ask_data)
		stanza_print(out, "data_clear", clear);
	fputs("status = ok\n\n", out);
	e = E_OK;
done:
	wipe(pin, sizeof pin);
	return e;
}

void answer_refuse(FILE *out, const char *ksn, unsigned line, const char *reason)
{
	if (*ksn)
		fprintf(out, "ksn = %s\n", ksn);
	fputs("status = refused\nreason = ", out);
	if (line)
		fprintf(out, "line %u: ", line);
	fprintf(out, "%s\n\n", reason);
}
