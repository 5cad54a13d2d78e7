/*
 * Both ends of the worker's requests on any bytes: what the worker's acts are called with is well-formed, whatever
 * came; what the supervisor makes of an answer is a result, and no key is left where it was an error.
 *
 * Input: one byte says which end (and the room's purpose, or the call), the rest are records with two bytes of length.
 * The socket, the process and the token are stubs: worker.c is compiled into this program with other names for them.
 */
#include "bdk/clear_key.h"
#include "bdk/token.h"
#include "tests/lib/test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static struct rd input;

static void must(bool well_formed)
{
	if (!well_formed)
		abort();
}

static bool stub_receive(int fd, uint8_t *out, size_t *out_len, size_t size)
{
	size_t len = rd_u16(&input);
	struct span record = rd_span(&input, len < input.left ? len : input.left);

	(void)fd;
	*out_len = record.len <= size ? record.len : 0;
	if (*out_len)
		memcpy(out, record.p, record.len);
	return *out_len;
}

static bool stub_send(int fd, const uint8_t *p, size_t len)
{
	(void)fd;
	must(len && p);
	return true;
}

static void stub_stop(int *fd, pid_t *pid)
{
	*fd = *pid = -1;
}

static int stub_poll(struct pollfd *fd, nfds_t n, int limit)
{
	must(n == 1 && fd->fd == 99 && limit > 0);
	return 1;
}

/* --- The token's acts: they look at what they are given, and give full outputs
 * --------------------------------------------- */

static void look_at_label(const char *label)
{
	must(*label && memchr(label, 0, TOKEN_LABEL));
}

static void look_at_set(const struct key_set_id *set)
{
	must(set->len <= sizeof set->b);
}

static enum err full(void *out, size_t len)
{
	memset(out, 0xa5, len);
	return E_OK;
}

static enum err stub_random(struct token *t, uint8_t *out, size_t len)
{
	must(t && len <= 4096);
	return full(out, len);
}

static enum err stub_mark(struct token *t, uint8_t *mark)
{
	must(t != NULL);
	return full(mark, TOKEN_MARK);
}

static enum err stub_set_mark(struct token *t, const uint8_t *mark, const uint8_t *known, const uint8_t *tried)
{
	must(t && known == mark + TOKEN_MARK && tried == known + TOKEN_MARK);
	return E_OK;
}

static enum err stub_fingerprint(struct token *t, uint8_t *fp, bool *published, const char *label)
{
	must(t != NULL);
	look_at_label(label);
	*published = false;
	return full(fp, FINGERPRINT);
}

static enum err stub_destroy_bdk(struct token *t, const struct key_set_id *set)
{
	must(t != NULL);
	look_at_set(set);
	return E_OK;
}

static enum err stub_make_pair(struct token *t, uint8_t *point, const char *label)
{
	(void)t;
	look_at_label(label);
	return full(point, P256_POINT);
}

static enum err stub_sign(struct token *t, uint8_t *sig, const char *label, const uint8_t *digest)
{
	must(t && digest);
	look_at_label(label);
	return full(sig, P256_SIG);
}

static enum err stub_ephemeral(struct token *t, uint64_t *handle, uint8_t *point)
{
	(void)t;
	*handle = 7;
	return full(point, P256_POINT);
}

static enum err stub_forget(struct token *t, uint64_t handle)
{
	(void)t, (void)handle;
	return E_OK;
}

static void fill_items(struct wrapped *item, uint8_t *items)
{
	full(item, 2 * sizeof *item);
	*items = 2;
	item[0].len = item[1].len = sizeof item[0].b;
}

static enum err stub_wrap(struct token *t, struct wrapped *item, uint8_t *items, uint64_t handle, const uint8_t *peer,
			  const uint8_t *ctx, const struct key_set_id *set, const struct ksn *iksn)
{
	must(t && peer && ctx && iksn->len <= sizeof iksn->b);
	(void)handle;
	look_at_set(set);
	fill_items(item, items);
	return E_OK;
}

static enum err stub_make_bdk(struct token *t, struct kcv *kcv, struct wrapped *item, uint8_t *items, uint64_t handle,
			      const uint8_t *peer, const uint8_t *ctx, const struct key_set_id *set)
{
	kcv->len = sizeof kcv->b;
	return stub_wrap(t, item, items, handle, peer, ctx, set, &(struct ksn){ .len = 0 });
}

static enum err stub_take_bdk(struct token *t, struct kcv *kcv, const struct wrapped *item, uint8_t items,
			      const uint8_t *point, const uint8_t *ctx, const struct key_set_id *set)
{
	must(t && point && ctx && items <= 2);
	for (unsigned i = 0; i < items; i++)
		must(item[i].len <= sizeof item[i].b);
	look_at_set(set);
	kcv->len = sizeof kcv->b;
	return E_OK;
}

static enum err stub_enter_bdk(struct token *t, struct kcv *kcv, const struct key *part, uint8_t parts,
			       const struct key_set_id *set, const struct kcv *paper)
{
	must(t && parts <= COMPONENTS_MOST && paper->len <= sizeof paper->b);
	for (unsigned i = 0; i < parts; i++)
		must(part[i].len <= sizeof part[i].b);
	look_at_set(set);
	kcv->len = sizeof kcv->b;
	return E_OK;
}

static void look_at_kbpk(const struct kbpk_id *id)
{
	must(memchr(id->name, 0, KBPK_NAME));
}

static enum err stub_enter_kbpk(struct token *t, struct kcv *kcv, const struct key *part, uint8_t parts,
				const struct kbpk_id *id, const struct kcv *paper)
{
	look_at_kbpk(id);
	return stub_enter_bdk(t, kcv, part, parts, &(struct key_set_id){ .len = 0 }, paper);
}

static enum err stub_make_kbpk(struct token *t, struct kcv *kcv, char *text, size_t *len, const struct kbpk_id *id,
			       const struct kbpk_id *under, char exportability)
{
	(void)exportability;
	must(t != NULL);
	look_at_kbpk(id);
	if (under)
		look_at_kbpk(under);
	kcv->len = sizeof kcv->b;
	*len = under ? BLOCK_MAX : 0;
	return full(text, *len);
}

static enum err stub_take_kbpk_block(struct token *t, struct kcv *kcv, struct kbpk_id *id, struct span text,
				     const struct kbpk_id *under)
{
	must(t && (text.p || !text.len));
	look_at_kbpk(id);
	look_at_kbpk(under);
	kcv->len = sizeof kcv->b;
	id->type = DUKPT_KEY_AES256;
	return E_OK;
}

static enum err stub_drop_kbpk(struct token *t, const char *name)
{
	must(t && memchr(name, 0, KBPK_NAME));
	return E_OK;
}

static enum err stub_make_bdk_block(struct token *t, struct kcv *kcv, char *text, size_t *len, const struct key_set_id *set,
				    const struct kbpk_id *under, char exportability)
{
	look_at_set(set);
	return stub_make_kbpk(t, kcv, text, len, under, under, exportability);
}

static enum err stub_take_bdk_block(struct token *t, struct kcv *kcv, struct key_set_id *set, uint8_t most, struct span text,
				    const struct kbpk_id *under)
{
	(void)most;
	look_at_set(set);
	return stub_take_kbpk_block(t, kcv, &(struct kbpk_id){ .type = 0 }, text, under);
}

static enum err stub_drop_bdk(struct token *t, const struct key_set_id *set)
{
	(void)t;
	look_at_set(set);
	return E_OK;
}

static enum err stub_initial_key(struct token *t, struct key *ik, const struct key_set_id *set, const struct ksn *iksn)
{
	must(t && iksn->len <= sizeof iksn->b);
	look_at_set(set);
	full(ik, sizeof *ik);
	ik->len = sizeof ik->b;
	return E_OK;
}

#define poll stub_poll
#define process_receive stub_receive
#define process_send stub_send
#define process_stop stub_stop
#define token_random stub_random
#define token_mark stub_mark
#define token_set_mark stub_set_mark
#define token_fingerprint stub_fingerprint
#define token_destroy_bdk stub_destroy_bdk
#define token_make_pair stub_make_pair
#define token_point stub_make_pair
#define token_sign stub_sign
#define token_ephemeral stub_ephemeral
#define token_forget stub_forget
#define token_wrap_initial_key stub_wrap
#define token_make_bdk stub_make_bdk
#define token_take_bdk stub_take_bdk
#define token_enter_bdk stub_enter_bdk
#define token_enter_kbpk stub_enter_kbpk
#define token_make_kbpk stub_make_kbpk
#define token_take_kbpk_block stub_take_kbpk_block
#define token_drop_kbpk stub_drop_kbpk
#define token_make_bdk_block stub_make_bdk_block
#define token_take_bdk_block stub_take_bdk_block
#define token_drop_bdk stub_drop_bdk
#define token_initial_key stub_initial_key
#include "bdk/worker.c"

/* --- The supervisor's end
 * -------------------------------------------------------------------------------------------------- */

static void is_result(enum err e, const struct worker *w)
{
	must((unsigned)e <= 255 && (e == E_TOKEN) == (w->fd < 0));
}

static void look_at_items(enum err e, const struct wrapped item[static 2], uint8_t items)
{
	must(items <= 2);
	for (unsigned i = 0; !e && i < items; i++)
		must(item[i].len <= sizeof item[i].b);
}

static void call(unsigned which)
{
	static const struct key none;
	static const uint8_t nothing[4096];
	const struct key_set_id set = { { 1, 2, 3, 4 }, 4, DUKPT_AES128 };
	const struct ksn iksn = { { 1, 2, 3, 4 }, 12 };
	uint8_t point[P256_POINT] = { 4 }, ctx[32] = { 0 }, out[4096] = { 0 }, items = 0;
	struct wrapped item[2] = { 0 };
	struct worker w = { .fd = 99, .pid = 99 };
	struct key_order order = { .set = set, .iksn = iksn };
	uint8_t key[MSG_MAX];
	size_t len;
	struct kcv kcv = { .len = 0 };
	uint64_t handle = 0;
	struct kbpk_id kbpk = { "kbpk", DUKPT_KEY_AES128 };
	struct key_set_id taken = { { 1, 2, 3, 4 }, 4, DUKPT_NONE };
	char block[BLOCK_MAX];
	const struct key parts[2] = { { { 1 }, 16 }, { { 2 }, 16 } };
	struct key ik = none;
	enum err e;

	switch (which) {
	case ACT_RANDOM:
		e = worker_random(&w, out, sizeof out);
		must(!e || !memcmp(out, nothing, sizeof out));
		break;
	case ACT_MAKE_PAIR:
		e = worker_make_pair(&w, point, "identity");
		break;
	case ACT_POINT:
		e = worker_point(&w, point, "identity");
		break;
	case ACT_SIGN:
		e = worker_sign(&w, out, "identity", ctx);
		break;
	case ACT_EPHEMERAL:
		e = worker_ephemeral(&w, &handle, point);
		break;
	case ACT_FORGET:
		e = worker_forget(&w, 1);
		break;
	case ACT_MAKE_BDK:
		e = worker_make_bdk(&w, &kcv, item, &items, 1, point, ctx, &set);
		look_at_items(e, item, items);
		must(kcv.len <= sizeof kcv.b);
		break;
	case ACT_TAKE_BDK:
		e = worker_take_bdk(&w, &kcv, item, 1, point, ctx, &set);
		must(kcv.len <= sizeof kcv.b);
		break;
	case ACT_ENTER_BDK:
		e = worker_enter_bdk(&w, &kcv, parts, 2, &set, &kcv);
		must(kcv.len <= sizeof kcv.b);
		break;
	case ACT_ENTER_KBPK:
		e = worker_enter_kbpk(&w, &kcv, parts, 2, &kbpk, &kcv);
		must(kcv.len <= sizeof kcv.b);
		break;
	case ACT_MAKE_KBPK:
		e = worker_make_kbpk(&w, &kcv, block, &len, &kbpk, &kbpk, 'N');
		must(kcv.len <= sizeof kcv.b && len <= sizeof block);
		break;
	case ACT_TAKE_KBPK_BLOCK:
		e = worker_take_kbpk_block(&w, &kcv, &kbpk, SPAN(ctx), &kbpk);
		must(kcv.len <= sizeof kcv.b && memchr(kbpk.name, 0, KBPK_NAME));
		break;
	case ACT_DROP_KBPK:
		e = worker_drop_kbpk(&w, "kbpk");
		break;
	case ACT_MAKE_BDK_BLOCK:
		e = worker_make_bdk_block(&w, &kcv, block, &len, &set, &kbpk, 'N');
		must(kcv.len <= sizeof kcv.b && len <= sizeof block);
		break;
	case ACT_TAKE_BDK_BLOCK:
		e = worker_take_bdk_block(&w, &kcv, &taken, 32, SPAN(ctx), &kbpk);
		must(kcv.len <= sizeof kcv.b && taken.len <= sizeof taken.b);
		break;
	case ACT_DROP_BDK:
		e = worker_drop_bdk(&w, &set);
		break;
	case ACT_MAKE_KEY:
		e = worker_order_key(&w, &order);
		worker_wait_key(&w);
		must(!e && w.state == WORKER_KEY_MADE);
		e = worker_take_key(&w, key, &len);
		must(w.state == WORKER_KEY_NONE && len <= sizeof key && !e == !!len);
		break;
	default:
		e = worker_initial_key(&w, &ik, &set, &iksn);
		must(ik.len <= sizeof ik.b && (!e || !memcmp(&ik, &none, sizeof ik)));
		break;
	}
	is_result(e, &w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct token t;
	unsigned which;

	if (!size)
		return 0;
	which = data[0];
	rd_init(&input, data + 1, size - 1);
	if (which < 3)
		serve(&t, (enum room_purpose)(which + 1));
	else
		call((which - 3) % ACTS);
	return 0;
}
