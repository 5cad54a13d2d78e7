#include "bdk/probe.h"

#include <string.h>

/* clang-format off */
const struct probe_row probe_rows[PROBE_QUESTIONS] = {
	[PROBE_ALLOWED]		= { PROBE_CHOICE,  "allowed-mechanisms", "a key keeps to a list of its mechanisms" },
	[PROBE_PAD]		= { PROBE_CHOICE,  "key-wrap-pad", "CKM_AES_KEY_WRAP_PAD is RFC 5649" },
	[PROBE_KWP]		= { PROBE_CHOICE,  "key-wrap-kwp", "CKM_AES_KEY_WRAP_KWP is RFC 5649" },
	[PROBE_KDF]		= { PROBE_NEEDED,  "kdf", "SP 800-108 with CMAC-AES-256 gives the published key" },
	[PROBE_TDES]		= { PROBE_NEEDED,  "tdes-initial-key", "both halves of the published TDES initial key" },
	[PROBE_AES]		= { PROBE_NEEDED,  "aes-initial-key", "the published AES-128 initial key" },
	[PROBE_AES192]		= { PROBE_CHOICE,  "aes192-initial-key", "the published AES-192 initial key: test rooms alone" },
	[PROBE_AES256]		= { PROBE_CHOICE,  "aes256-initial-key", "the published AES-256 initial key: test rooms alone" },
	[PROBE_XOR]		= { PROBE_CHOICE,  "xor", "CKM_XOR_BASE_AND_DATA makes the variant of a TDES key" },
	[PROBE_CONCATENATE]	= { PROBE_CHOICE,  "concatenate", "CKM_CONCATENATE_BASE_AND_KEY makes one key of two halves" },
	[PROBE_UNWRAP]		= { PROBE_NEEDED,  "unwrap", "a BDK that was wrapped outside derives the published key" },
	[PROBE_COPY]		= { PROBE_NEEDED,  "copy", "a BDK is copied into one that may only derive, and derives" },
	[PROBE_SIGNATURE]	= { PROBE_NEEDED,  "signature", "ECDSA on P-256 verifies" },
	[PROBE_AGREEMENT]	= { PROBE_NEEDED,  "agreement", "ECDH on P-256 agrees" },
	[PROBE_READ]		= { PROBE_REFUSAL, "read-sensitive", "read the value of a sensitive key" },
	[PROBE_WRAP_BOUND]	= { PROBE_REFUSAL, "wrap-unextractable", "wrap a key that is not extractable" },
	[PROBE_CHANGE]		= { PROBE_REFUSAL, "change-unmodifiable", "change an attribute of a key that is not modifiable" },
	[PROBE_LOOSEN]		= { PROBE_REFUSAL, "loosen-copy", "copy a key into one that is extractable and not sensitive" },
	[PROBE_ENCRYPT]		= { PROBE_REFUSAL, "encrypt-derive-only", "encrypt with a key that may only derive" },
	[PROBE_MECHANISM]	= { PROBE_REFUSAL, "derive-forbidden", "derive from a BDK by a mechanism that is not for it" },
	[PROBE_SPOILED]		= { PROBE_REFUSAL, "unwrap-spoiled", "unwrap a key with one bit changed" },
	[PROBE_PRIVATE]		= { PROBE_REFUSAL, "read-private", "read the value of a private key" },
};
/* clang-format on */

const char *probe_answer_name(enum probe_question q, enum probe_answer a)
{
	bool refusal = probe_rows[q].kind == PROBE_REFUSAL;

	switch (a) {
	case PROBE_RIGHT:
		return refusal ? "refused" : "right";
	case PROBE_WRONG:
		return refusal ? "ALLOWED" : "wrong";
	case PROBE_NONE:
		return "none";
	default:
		return "not asked";
	}
}

static bool right(const struct probe *p, enum probe_question q)
{
	return p->of[q].answer == PROBE_RIGHT;
}

/* Is every question of this kind answered as it must be? */
static bool all(const struct probe *p, enum probe_kind kind)
{
	for (unsigned q = 0; q < PROBE_QUESTIONS; q++)
		if (probe_rows[q].kind == kind && !right(p, q))
			return false;
	return true;
}

enum probe_verdict probe_verdict(const struct probe *p)
{
	if (!all(p, PROBE_NEEDED) || !(right(p, PROBE_PAD) || right(p, PROBE_KWP)))
		return PROBE_UNUSABLE;
	return all(p, PROBE_REFUSAL) ? PROBE_PRODUCTION : PROBE_TEST;
}

const char *probe_verdict_name(enum probe_verdict v)
{
	return v == PROBE_PRODUCTION ? "production" : v == PROBE_TEST ? "test" : "unusable";
}

bool probe_makes(const struct probe *p, size_t key_len)
{
	return key_len <= 16 || right(p, key_len == 24 ? PROBE_AES192 : PROBE_AES256);
}

bool probe_software(const struct probe *p)
{
	return strstr(p->about, "SoftHSM") || strstr(p->about, "NSS ") || strstr(p->about, "Mozilla");
}

const char *probe_construction(const struct probe *p, unsigned i)
{
	switch (i) {
	case 0:
		return "key-encryption keys: SP 800-108 in the token, Z by CKM_ECDH1_DERIVE";
	case 1:
		return right(p, PROBE_PAD) ? "wrapped with CKM_AES_KEY_WRAP_PAD" : "wrapped with CKM_AES_KEY_WRAP_KWP";
	case 2:
		return right(p, PROBE_XOR) ? "TDES BDK and its variant: made in the token by XOR"
					   : "TDES BDK and its variant: put together once in the worker";
	case 3:
		return right(p, PROBE_CONCATENATE) ? "TDES initial key: two halves to wrap, one object to read"
						   : "TDES initial key: two halves";
	case 4:
		return right(p, PROBE_ALLOWED) ? "keys list their mechanisms" : "keys list no mechanisms: the token would not keep to a list";
	default:
		return NULL;
	}
}

void probe_blame(char *out, size_t size, const struct probe *p)
{
	bool unusable = probe_verdict(p) == PROBE_UNUSABLE;
	size_t n = 0;

	out[0] = 0;
	for (unsigned q = 0; q < PROBE_QUESTIONS && n < size; q++)
		if (!right(p, q) && probe_rows[q].kind == (unusable ? PROBE_NEEDED : PROBE_REFUSAL))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", probe_rows[q].name);
}

static const char *const kinds[] = { [PROBE_NEEDED] = "needed", [PROBE_CHOICE] = "choice",
				     [PROBE_REFUSAL] = "must fail" };

/* Every text is of this file, or is about: nothing in them needs an escape. */
static void print_json(FILE *out, const struct probe *p)
{
	enum probe_verdict v = probe_verdict(p);
	const char *line;

	fprintf(out, "{\n  \"token\": \"%s\",\n  \"verdict\": \"%s\",\n  \"construction\": [", p->about,
		probe_verdict_name(v));
	for (unsigned i = 0; v != PROBE_UNUSABLE && (line = probe_construction(p, i)); i++)
		fprintf(out, "%s\n    \"%s\"", i ? "," : "", line);
	fprintf(out, "%s],\n  \"questions\": [", v == PROBE_UNUSABLE ? "" : "\n  ");
	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++)
		fprintf(out,
			"%s\n    { \"kind\": \"%s\", \"name\": \"%s\", \"text\": \"%s\", \"answer\": \"%s\", "
			"\"rv\": \"0x%x\" }",
			q ? "," : "", kinds[probe_rows[q].kind], probe_rows[q].name, probe_rows[q].text,
			probe_answer_name(q, p->of[q].answer), (unsigned)p->of[q].rv);
	fputs("\n  ]\n}\n", out);
}

void probe_print(FILE *out, const struct probe *p, bool json)
{
	enum probe_verdict v = probe_verdict(p);
	const char *line;
	char blame[256];

	if (json) {
		print_json(out, p);
		return;
	}
	probe_blame(blame, sizeof blame, p);
	fprintf(out, "token    %s\nverdict  %s%s%s%s\n", p->about[0] ? p->about : "not reached", probe_verdict_name(v),
		*blame ? " (" : "", blame, *blame ? ")" : "");
	for (unsigned i = 0; v != PROBE_UNUSABLE && (line = probe_construction(p, i)); i++)
		fprintf(out, "keys     %s\n", line);
	fprintf(out, "\nKIND       NAME                 ANSWER     CODE   QUESTION\n");
	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++)
		fprintf(out, "%-9s  %-19s  %-9s  %#-5x  %s\n", kinds[probe_rows[q].kind], probe_rows[q].name,
			probe_answer_name(q, p->of[q].answer), (unsigned)p->of[q].rv, probe_rows[q].text);
}

void probe_put(struct wr *w, const struct probe *p)
{
	for (unsigned q = 0; q < PROBE_QUESTIONS; q++) {
		wr_u8(w, p->of[q].answer);
		wr_u32(w, p->of[q].rv);
	}
	wr_span8(w, (struct span){ (const uint8_t *)p->about, strlen(p->about) });
}

void probe_take(struct rd *r, struct probe *p)
{
	struct span about;

	memset(p, 0, sizeof *p);
	for (unsigned q = 0; q < PROBE_QUESTIONS; q++) {
		p->of[q].answer = rd_u8(r);
		p->of[q].rv = rd_u32(r);
		if (p->of[q].answer > PROBE_NONE && !r->e)
			r->e = E_FORMAT;
	}
	about = rd_span8(r);
	if (!r->e && (about.len >= sizeof p->about || memchr(about.p, 0, about.len)))
		r->e = E_FORMAT;
	if (r->e)
		memset(p, 0, sizeof *p);
	else
		memcpy(p->about, about.p, about.len);
}
