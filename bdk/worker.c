#include "bdk/worker.h"
#include "base/host/fail.h"
#include "base/wipe.h"
#include "bdk/clear_key.h"
#include "bdk/login.h"
#include "bdk/process.h"
#include "bdk/token.h"
#include "bdk/wall.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/*
 * A request is one record: act (1), then its arguments; the answer is one record: result (1), then, if that is E_OK,
 * its outputs. Before the first come records that are answered together: purpose of the room (1, or what else is to be
 * done), strict (1), uri, softhsm_conf and folder with two bytes of length each; and each PIN alone, one for a room. Both ends are this file, so what does
 * not parse is a bug or a broken process: the worker ends, the supervisor calls it E_TOKEN.
 */
#define RPC_MAX (4096 + 64) /* the longest: worker_random() */
#define RPC_SECONDS 30      /* longer than any act takes: a worker that hangs is dead */
#define RANDOM_MAX 4096
#define PLACE_MAX (3 * PATH_MAX + 2048)

/* In place of a room's purpose: what a process does that ends after it. */
enum { TO_MAKE = 0, TO_CHANGE_PINS = 255 };

enum { PINS = 3 };

enum act {
	ACT_RANDOM,
	ACT_MAKE_PAIR,
	ACT_POINT,
	ACT_SIGN,
	ACT_EPHEMERAL,
	ACT_FORGET,
	ACT_MAKE_BDK,
	ACT_TAKE_BDK,
	ACT_DROP_BDK,
	ACT_INITIAL_KEY,
	ACT_MAKE_KEY,
	ACT_MARK,
	ACT_SET_MARK,
	ACT_ENTER_BDK,
	ACT_FINGERPRINT,
	ACT_ENTER_KBPK,
	ACT_MAKE_KBPK,
	ACT_TAKE_KBPK_BLOCK,
	ACT_DROP_KBPK,
	ACT_MAKE_BDK_BLOCK,
	ACT_TAKE_BDK_BLOCK,
	ACT_DESTROY_BDK,
	ACTS
};

/* --- The codec: every shape is read and written here, once ------------------------------------------------------- */

static void wr_text(struct wr *w, const char *text)
{
	wr_span8(w, (struct span){ (const uint8_t *)text, strlen(text) });
}

static void rd_label(struct rd *r, char label[static TOKEN_LABEL])
{
	struct span s = rd_span8(r);

	if (!r->e && (!s.len || s.len >= TOKEN_LABEL || memchr(s.p, 0, s.len)))
		r->e = E_KEY;
	memset(label, 0, TOKEN_LABEL);
	if (!r->e)
		memcpy(label, s.p, s.len);
}

static void wr_set(struct wr *w, const struct key_set_id *set)
{
	wr_u8(w, set->scheme);
	wr_span8(w, (struct span){ set->b, set->len });
}

/* span8 of one of these lengths into a field of that type; the rest of the field is zero */
static uint8_t rd_short(struct rd *r, uint8_t *out, size_t size)
{
	struct span s = rd_span8(r);

	if (!r->e && s.len > size)
		r->e = E_FORMAT;
	memset(out, 0, size);
	if (r->e)
		return 0;
	memcpy(out, s.p, s.len);
	return (uint8_t)s.len;
}

static void rd_set(struct rd *r, struct key_set_id *set)
{
	set->scheme = (enum dukpt_scheme)rd_u8(r);
	set->len = rd_short(r, set->b, sizeof set->b);
}

static void wr_ksn(struct wr *w, const struct ksn *k)
{
	wr_span8(w, (struct span){ k->b, k->len });
}

static void rd_ksn(struct rd *r, struct ksn *k)
{
	k->len = rd_short(r, k->b, sizeof k->b);
}

static void wr_kcv(struct wr *w, const struct kcv *v)
{
	wr_span8(w, (struct span){ v->b, v->len });
}

static void rd_kcv(struct rd *r, struct kcv *v)
{
	v->len = rd_short(r, v->b, sizeof v->b);
}

static void wr_items(struct wr *w, const struct wrapped *item, uint8_t items)
{
	wr_u8(w, items);
	for (unsigned i = 0; i < items; i++) {
		wr_copy(w, (const uint8_t *)item[i].label, KBKDF_LABEL);
		wr_span8(w, (struct span){ item[i].b, item[i].len });
	}
}

static void rd_items(struct rd *r, struct wrapped item[static 2], uint8_t *items)
{
	*items = rd_u8(r);
	memset(item, 0, 2 * sizeof *item);
	if (*items > 2 && !r->e)
		r->e = E_FORMAT;
	for (unsigned i = 0; !r->e && i < *items; i++) {
		rd_copy(r, (uint8_t *)item[i].label, KBKDF_LABEL);
		item[i].len = rd_short(r, item[i].b, sizeof item[i].b);
	}
	if (r->e)
		*items = 0;
}

static void wr_parts(struct wr *w, const struct key part[], uint8_t parts)
{
	wr_u8(w, parts);
	for (unsigned i = 0; i < parts; i++)
		wr_span8(w, (struct span){ part[i].b, part[i].len });
}

static void rd_parts(struct rd *r, struct key part[static COMPONENTS_MOST], uint8_t *parts)
{
	*parts = rd_u8(r);
	if (*parts > COMPONENTS_MOST && !r->e)
		r->e = E_FORMAT;
	for (unsigned i = 0; !r->e && i < *parts; i++)
		part[i].len = rd_short(r, part[i].b, sizeof part[i].b);
	if (r->e)
		*parts = 0;
}

static void wr_name(struct wr *w, const char *name)
{
	wr_span8(w, (struct span){ (const uint8_t *)name, strnlen(name, KBPK_NAME) });
}

static void rd_name(struct rd *r, char name[static KBPK_NAME])
{
	struct span s = rd_span8(r);

	memset(name, 0, KBPK_NAME);
	if (!r->e && (s.len >= KBPK_NAME || (s.len && memchr(s.p, 0, s.len))))
		r->e = E_KEY;
	if (!r->e && s.len)
		memcpy(name, s.p, s.len);
}

static void wr_kbpk(struct wr *w, const struct kbpk_id *id)
{
	wr_name(w, id->name);
	wr_u8(w, id->type);
}

static void rd_kbpk(struct rd *r, struct kbpk_id *id)
{
	rd_name(r, id->name);
	id->type = (enum dukpt_key_type)rd_u8(r);
}

/* --- In the worker: one function an act, one table --------------------------------------------------------------- */

/* What the acts read, in whichever combination. */
struct args {
	char label[TOKEN_LABEL];
	uint64_t handle;
	uint8_t point[P256_POINT], ctx[32];
	struct key_set_id set;
	struct ksn iksn;
	struct wrapped item[2];
	uint8_t items;
	struct key part[COMPONENTS_MOST];
	struct kbpk_id kbpk, under;
	char block[BLOCK_MAX];
	size_t block_len;
	uint8_t out[RANDOM_MAX];
};

typedef enum err act_fn(struct token *t, struct rd *r, struct wr *w, struct args *a);

static enum err do_random(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	size_t len = rd_u16(r);
	enum err e = rd_end(r);

	if (!e)
		e = len > sizeof a->out ? E_RANGE : token_random(t, a->out, len);
	if (!e)
		wr_copy(w, a->out, len);
	return e;
}

static enum err do_make_pair(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	rd_label(r, a->label);
	e = rd_end(r);
	if (!e)
		e = token_make_pair(t, a->point, a->label);
	wr_copy(w, a->point, sizeof a->point);
	return e;
}

static enum err do_point(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	rd_label(r, a->label);
	e = rd_end(r);
	if (!e)
		e = token_point(t, a->point, a->label);
	wr_copy(w, a->point, sizeof a->point);
	return e;
}

static enum err do_sign(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	uint8_t digest[32];
	enum err e;

	rd_label(r, a->label);
	rd_copy(r, digest, sizeof digest);
	e = rd_end(r);
	if (!e)
		e = token_sign(t, a->out, a->label, digest);
	wr_copy(w, a->out, P256_SIG);
	return e;
}

static enum err do_ephemeral(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e = rd_end(r);

	if (!e)
		e = token_ephemeral(t, &a->handle, a->point);
	wr_u64(w, a->handle);
	wr_copy(w, a->point, sizeof a->point);
	return e;
}

static enum err do_forget(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	(void)w;
	a->handle = rd_u64(r);
	e = rd_end(r);
	return e ? e : token_forget(t, a->handle);
}

/* All of KEY: what is secret of it never leaves this act. */
static enum err do_make_key(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct msg_key m = { .usage = { 'B', '1' } };
	struct transcript said;
	uint8_t digest[32], sig[P256_SIG];
	size_t len = 0, head = 0;
	enum err e;

	rd_copy(r, said.h, sizeof said.h);
	rd_copy(r, m.environment, sizeof m.environment);
	m.slot = rd_u8(r);
	rd_set(r, &a->set);
	rd_ksn(r, &a->iksn);
	rd_copy(r, a->point, sizeof a->point);
	e = rd_end(r);
	if (!e)
		e = token_ephemeral(t, &a->handle, m.point);
	if (e)
		return e;
	m.scheme = (uint8_t)a->set.scheme;
	m.ksn = (struct span){ a->iksn.b, a->iksn.len };
	e = msg_put_key(a->out, &len, MSG_MAX, &m, &head);
	if (!e)
		e = transcript_ctx(a->ctx, &said, (struct span){ a->out, head });
	if (e)
		return token_forget(t, a->handle) ? E_TOKEN : e;
	e = token_wrap_initial_key(t, a->item, &a->items, a->handle, a->point, a->ctx, &a->set, &a->iksn);
	for (; !e && m.items < a->items; m.items++) {
		memcpy(m.item[m.items].label, a->item[m.items].label, KBKDF_LABEL);
		m.item[m.items].wrapped = (struct span){ a->item[m.items].b, a->item[m.items].len };
	}
	if (!e)
		e = msg_put_key(a->out, &len, MSG_MAX, &m, &head);
	if (!e)
		e = transcript_digest(digest, &said, MSG_KEY, (struct span){ a->out, len });
	if (!e)
		e = token_sign(t, sig, "identity", digest);
	if (!e)
		e = msg_seal(a->out, &len, MSG_MAX, sig);
	if (!e)
		wr_copy(w, a->out, len);
	return e;
}

static enum err do_make_bdk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	enum err e;

	a->handle = rd_u64(r);
	rd_copy(r, a->point, sizeof a->point);
	rd_copy(r, a->ctx, sizeof a->ctx);
	rd_set(r, &a->set);
	e = rd_end(r);
	if (!e)
		e = token_make_bdk(t, &kcv, a->item, &a->items, a->handle, a->point, a->ctx, &a->set);
	wr_kcv(w, &kcv);
	wr_items(w, a->item, a->items);
	return e;
}

static enum err do_take_bdk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	enum err e;

	rd_items(r, a->item, &a->items);
	rd_copy(r, a->point, sizeof a->point);
	rd_copy(r, a->ctx, sizeof a->ctx);
	rd_set(r, &a->set);
	e = rd_end(r);
	if (!e)
		e = token_take_bdk(t, &kcv, a->item, a->items, a->point, a->ctx, &a->set);
	wr_kcv(w, &kcv);
	return e;
}

static enum err do_enter_bdk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 }, paper;
	uint8_t parts;
	enum err e;

	rd_parts(r, a->part, &parts);
	rd_set(r, &a->set);
	rd_kcv(r, &paper);
	e = rd_end(r);
	if (!e)
		e = token_enter_bdk(t, &kcv, a->part, parts, &a->set, &paper);
	wr_kcv(w, &kcv);
	return e;
}

static enum err do_enter_kbpk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 }, paper;
	uint8_t parts;
	enum err e;

	rd_parts(r, a->part, &parts);
	rd_kbpk(r, &a->kbpk);
	rd_kcv(r, &paper);
	e = rd_end(r);
	if (!e)
		e = token_enter_kbpk(t, &kcv, a->part, parts, &a->kbpk, &paper);
	wr_kcv(w, &kcv);
	return e;
}

static enum err do_make_kbpk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	char exportability;
	enum err e;

	rd_kbpk(r, &a->kbpk);
	rd_kbpk(r, &a->under);
	exportability = (char)rd_u8(r);
	e = rd_end(r);
	if (!e)
		e = token_make_kbpk(t, &kcv, a->block, &a->block_len, &a->kbpk, *a->under.name ? &a->under : NULL, exportability);
	wr_kcv(w, &kcv);
	wr_span16(w, (struct span){ (const uint8_t *)a->block, a->block_len });
	return e;
}

static enum err do_take_kbpk_block(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	struct span text;
	enum err e;

	rd_name(r, a->kbpk.name);
	rd_kbpk(r, &a->under);
	text = rd_span16(r);
	e = rd_end(r);
	if (!e)
		e = token_take_kbpk_block(t, &kcv, &a->kbpk, text, &a->under);
	wr_kcv(w, &kcv);
	wr_kbpk(w, &a->kbpk);
	return e;
}

static enum err do_drop_kbpk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	(void)w;
	rd_name(r, a->kbpk.name);
	e = rd_end(r);
	return e ? e : token_drop_kbpk(t, a->kbpk.name);
}

static enum err do_make_bdk_block(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	char exportability;
	enum err e;

	rd_set(r, &a->set);
	rd_kbpk(r, &a->under);
	exportability = (char)rd_u8(r);
	e = rd_end(r);
	if (!e)
		e = token_make_bdk_block(t, &kcv, a->block, &a->block_len, &a->set, &a->under, exportability);
	wr_kcv(w, &kcv);
	wr_span16(w, (struct span){ (const uint8_t *)a->block, a->block_len });
	return e;
}

static enum err do_take_bdk_block(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct kcv kcv = { .len = 0 };
	struct span text;
	uint8_t most;
	enum err e;

	rd_set(r, &a->set);
	most = rd_u8(r);
	rd_kbpk(r, &a->under);
	text = rd_span16(r);
	e = rd_end(r);
	if (!e)
		e = token_take_bdk_block(t, &kcv, &a->set, most, text, &a->under);
	wr_kcv(w, &kcv);
	wr_set(w, &a->set);
	return e;
}

static enum err do_drop_bdk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	(void)w;
	rd_set(r, &a->set);
	e = rd_end(r);
	return e ? e : token_drop_bdk(t, &a->set);
}

static enum err do_initial_key(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	struct key ik = { .len = 0 };
	enum err e;

	rd_set(r, &a->set);
	rd_ksn(r, &a->iksn);
	e = rd_end(r);
	if (!e)
		e = token_initial_key(t, &ik, &a->set, &a->iksn);
	wr_span8(w, (struct span){ ik.b, ik.len });
	wipe(&ik, sizeof ik);
	return e;
}

static enum err do_mark(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e = rd_end(r);

	if (!e)
		e = token_mark(t, a->out);
	wr_copy(w, a->out, TOKEN_MARK);
	return e;
}

static enum err do_set_mark(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	(void)w;
	rd_copy(r, a->out, sizeof(uint8_t[3][TOKEN_MARK]));
	e = rd_end(r);
	return e ? e : token_set_mark(t, a->out, a->out + TOKEN_MARK, a->out + sizeof(uint8_t[2][TOKEN_MARK]));
}

static enum err do_destroy_bdk(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	enum err e;

	(void)w;
	rd_set(r, &a->set);
	e = rd_end(r);
	return e ? e : token_destroy_bdk(t, &a->set);
}

static enum err do_fingerprint(struct token *t, struct rd *r, struct wr *w, struct args *a)
{
	bool published = false;
	enum err e;

	rd_label(r, a->label);
	e = rd_end(r);
	if (!e)
		e = token_fingerprint(t, a->out, &published, a->label);
	wr_copy(w, a->out, FINGERPRINT);
	wr_u8(w, published);
	return e;
}

#define IN(room) (1u << (room))
#define IN_ANY (IN(ROOM_CA) | IN(ROOM_LOAD) | IN(ROOM_ACQUIRER))

/* clang-format off */
static const struct {
	act_fn *run;
	unsigned rooms;
} table[ACTS] = {
	[ACT_RANDOM]		= { do_random,		 IN_ANY },
	[ACT_MAKE_PAIR]		= { do_make_pair,	 IN_ANY },
	[ACT_POINT]		= { do_point,		 IN_ANY },
	[ACT_SIGN]		= { do_sign,		 IN_ANY },
	[ACT_EPHEMERAL]		= { do_ephemeral,	 IN(ROOM_LOAD) },
	[ACT_FORGET]		= { do_forget,		 IN(ROOM_LOAD) },
	[ACT_MAKE_BDK]		= { do_make_bdk,	 IN(ROOM_LOAD) },
	[ACT_TAKE_BDK]		= { do_take_bdk,	 IN(ROOM_ACQUIRER) },
	[ACT_ENTER_BDK]		= { do_enter_bdk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_ENTER_KBPK]	= { do_enter_kbpk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_MAKE_KBPK]		= { do_make_kbpk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_TAKE_KBPK_BLOCK]	= { do_take_kbpk_block,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_DROP_KBPK]		= { do_drop_kbpk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_MAKE_BDK_BLOCK]	= { do_make_bdk_block,	 IN(ROOM_LOAD) },
	[ACT_TAKE_BDK_BLOCK]	= { do_take_bdk_block,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_DROP_BDK]		= { do_drop_bdk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_INITIAL_KEY]	= { do_initial_key,	 IN(ROOM_ACQUIRER) },
	[ACT_MAKE_KEY]		= { do_make_key,	 IN(ROOM_LOAD) },
	[ACT_MARK]		= { do_mark,		 IN(ROOM_LOAD) },
	[ACT_SET_MARK]		= { do_set_mark,	 IN(ROOM_LOAD) },
	[ACT_DESTROY_BDK]	= { do_destroy_bdk,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
	[ACT_FINGERPRINT]	= { do_fingerprint,	 IN(ROOM_LOAD) | IN(ROOM_ACQUIRER) },
};
/* clang-format on */

/* Answers until the supervisor is gone, or asks what has no row. */
static void serve(struct token *t, enum room_purpose purpose)
{
	uint8_t in[RPC_MAX], out[RPC_MAX];
	struct args a;
	struct rd r;
	struct wr w;
	size_t len;
	uint8_t act;
	enum err e;
	bool served = true;

	while (served && process_receive(PROCESS_FD, in, &len, sizeof in)) {
		rd_init(&r, in, len);
		wr_init(&w, out, sizeof out);
		memset(&a, 0, sizeof a);
		act = rd_u8(&r);
		if (act >= ACTS)
			break;
		wr_u8(&w, E_OK);
		e = table[act].rooms & IN(purpose) ? table[act].run(t, &r, &w, &a) : E_DENIED;
		if (!e)
			e = wr_end(&w);
		if (e == E_TOKEN)
			fail_why(e, t->why, "", "token");
		out[0] = (uint8_t)e;
		served = process_send(PROCESS_FD, out, e ? 1 : w.len);
		wipe(&a, sizeof a);
		wipe(in, sizeof in);
		wipe(out, sizeof out);
	}
	wipe(in, sizeof in);
}

/* A text with its NUL, from the first record. */
static bool take_text(char *out, size_t size, struct rd *r)
{
	struct span s = rd_span16(r);

	memset(out, 0, size);
	if (r->e || s.len >= size || memchr(s.p, 0, s.len))
		return false;
	memcpy(out, s.p, s.len);
	return true;
}

/* How many PINs come for it: make {PIN, SO PIN}, change {SO PIN, next PIN, next SO PIN}, serve {PIN} */
static unsigned pins_for(unsigned purpose)
{
	return purpose == TO_MAKE ? 2 : purpose == TO_CHANGE_PINS ? 3 : 1;
}

/* Makes the token, changes its PINs, or opens it and serves. */
static enum err enter(struct token *t, unsigned purpose, const struct token_place *at, const struct span pin[static PINS])
{
	if (purpose != TO_MAKE && purpose != TO_CHANGE_PINS)
		return token_open(t, at, pin[0]);
	alarm(RPC_SECONDS);
	return purpose == TO_MAKE ? token_init(at, pin[0], pin[1], t->why)
				  : token_change_pins(at, &(struct token_pins){ pin[0], pin[1], pin[2] }, t->why);
}

/* Writes below folder and where conf lies, and nowhere else; what SoftHSM has to say to the system's log goes over a
 * connection made before. */
static enum err wall_in(const char *conf, const char *folder, bool strict)
{
	char own[PATH_MAX + 64], why[WALL_WHY];
	const char *writable[3] = { NULL };
	size_t n = 0;
	enum err e;

	memcpy(own, conf, strlen(conf) + 1);
	if (*conf)
		writable[n++] = dirname(own);
	if (*folder)
		writable[n++] = folder;
	openlog("bdkd", LOG_NDELAY | LOG_PID, LOG_USER);
	e = wall_build(WALL_WORKER, n ? writable : NULL, strict, why);
	if (e)
		fail_why(e, why, "", "worker");
	return e;
}

void worker_main(void)
{
	static struct token t;
	uint8_t place[PLACE_MAX], pin[PINS][LOGIN_MAX], answer;
	struct span pins[PINS] = { { NULL, 0 } };
	bool serves, told = true;
	char uri[512], conf[PATH_MAX + 64], arguments[PATH_MAX + 64], folder[PATH_MAX + 64];
	struct token_place at = { .uri = uri, .softhsm_conf = conf };
	unsigned purpose;
	size_t len;
	struct rd r;
	struct wr w;

	if (!process_receive(PROCESS_FD, place, &len, sizeof place))
		return;
	rd_init(&r, place, len);
	purpose = rd_u8(&r);
	at.strict = rd_u8(&r);
	if (!take_text(uri, sizeof uri, &r) || !take_text(conf, sizeof conf, &r) ||
	    !take_text(arguments, sizeof arguments, &r) || !take_text(folder, sizeof folder, &r) || rd_end(&r) ||
	    (*conf && setenv("SOFTHSM2_CONF", conf, 1)))
		return;
	serves = purpose != TO_MAKE && purpose != TO_CHANGE_PINS;
	for (unsigned i = 0; told && i < pins_for(purpose); i++) {
		told = process_receive(PROCESS_FD, pin[i], &len, LOGIN_MAX);
		pins[i] = (struct span){ pin[i], len };
	}
	at.arguments = *arguments ? arguments : NULL;
	answer = told ? (uint8_t)enter(&t, purpose, &at, pins) : E_TOKEN;
	wipe(pin, sizeof pin);
	if (answer == E_TOKEN || answer == E_PASSPHRASE)
		fail_why(E_TOKEN, t.why, "", "token");
	if (!answer && serves)
		answer = (uint8_t)wall_in(conf, folder, at.strict);
	wr_init(&w, place, sizeof place);
	wr_u8(&w, E_OK);
	wr_u8(&w, answer); /* with what the probe found either way */
	probe_put(&w, &t.probe);
	if (!wr_end(&w) && process_send(PROCESS_FD, place, w.len) && !answer && serves)
		serve(&t, (enum room_purpose)purpose);
	if (serves)
		token_close(&t);
}

/* --- In the supervisor ------------------------------------------------------------------------------------------- */

struct call {
	uint8_t b[RPC_MAX];
	struct wr w; /* the request */
	struct rd r; /* the answer's outputs: reading gives zeros if there are none */
	enum err e;
};

static void begin(struct call *c, enum act act)
{
	wr_init(&c->w, c->b, sizeof c->b);
	wr_u8(&c->w, act);
}

static void put(struct worker *w, struct call *c)
{
	c->e = wr_end(&c->w);
	w->asked++;
	/* One that is at work on an order would answer that. */
	if (!c->e && (w->fd < 0 || w->state == WORKER_KEY_ORDERED || !process_send(w->fd, c->b, c->w.len)))
		c->e = E_TOKEN;
}

static void get(struct worker *w, struct call *c)
{
	size_t len = 0;

	if (!c->e && !process_receive(w->fd, c->b, &len, sizeof c->b))
		c->e = E_TOKEN;
	rd_init(&c->r, c->b, len);
	if (!c->e)
		c->e = (enum err)rd_u8(&c->r);
	c->r.e = c->e;
}

static void ask(struct worker *w, struct call *c)
{
	put(w, c);
	get(w, c);
}

/* The call's result. After E_TOKEN the worker is gone: whatever its state was, the next one begins with a probe. */
static enum err end(struct worker *w, struct call *c)
{
	enum err e = c->e;

	if (!e && rd_end(&c->r))
		e = E_TOKEN;
	if (e == E_TOKEN)
		worker_stop(w);
	wipe(c, sizeof *c);
	return e;
}

void worker_stop(struct worker *w)
{
	process_stop(&w->fd, &w->pid);
}

/* For take_text() */
static void put_text(struct wr *w, const char *text)
{
	wr_span16(w, (struct span){ (const uint8_t *)text, strlen(text) });
}

/* A process that is told where the token is, what it is for, and the PINs that takes; and its first answer. */
static enum err begin_with(struct worker *w, const struct token_place *at, unsigned purpose,
			   const struct span pin[static PINS])
{
	uint8_t place[PLACE_MAX];
	struct wr o;
	struct call c;
	enum err e, said;

	w->asked = 0;
	memset(&w->probe, 0, sizeof w->probe);
	if (process_start(&w->fd, &w->pid, PROCESS_WORKER, RPC_SECONDS))
		return E_TOKEN;
	wr_init(&o, place, sizeof place);
	wr_u8(&o, purpose);
	wr_u8(&o, at->strict);
	put_text(&o, at->uri);
	put_text(&o, at->softhsm_conf ? at->softhsm_conf : "");
	put_text(&o, at->arguments ? at->arguments : "");
	put_text(&o, at->folder ? at->folder : "");
	c.e = wr_end(&o) || !process_send(w->fd, place, o.len) ? E_TOKEN : E_OK;
	for (unsigned i = 0; !c.e && i < pins_for(purpose); i++)
		c.e = process_send(w->fd, pin[i].p, pin[i].len) ? E_OK : E_TOKEN;
	get(w, &c);
	said = (enum err)rd_u8(&c.r);
	probe_take(&c.r, &w->probe);
	e = end(w, &c);
	e = e ? e : said;
	if (e)
		worker_stop(w);
	return e;
}

enum err worker_init_token(const struct token_place *at, struct span pin, struct span so_pin)
{
	struct worker w;
	enum err e = begin_with(&w, at, TO_MAKE, (struct span[PINS]){ pin, so_pin });

	worker_stop(&w);
	return e;
}

enum err worker_change_pins(const struct token_place *at, const struct token_pins *p)
{
	struct worker w;
	enum err e = begin_with(&w, at, TO_CHANGE_PINS, (struct span[PINS]){ p->so_pin, p->next_pin, p->next_so_pin });

	worker_stop(&w);
	return e;
}

enum err worker_start(struct worker *w, const struct token_place *at, enum room_purpose purpose, struct span pin)
{
	return begin_with(w, at, purpose, (struct span[PINS]){ pin });
}

enum err worker_random(struct worker *w, uint8_t *out, size_t len)
{
	struct call c;
	enum err e;

	begin(&c, ACT_RANDOM);
	if (len > RANDOM_MAX)
		c.w.e = E_RANGE;
	wr_u16(&c.w, (unsigned)len);
	ask(w, &c);
	rd_copy(&c.r, out, len);
	e = end(w, &c);
	if (e)
		wipe(out, len);
	return e;
}

enum err worker_make_pair(struct worker *w, uint8_t point[static P256_POINT], const char *label)
{
	struct call c;

	begin(&c, ACT_MAKE_PAIR);
	wr_text(&c.w, label);
	ask(w, &c);
	rd_copy(&c.r, point, P256_POINT);
	return end(w, &c);
}

enum err worker_point(struct worker *w, uint8_t point[static P256_POINT], const char *label)
{
	struct call c;

	begin(&c, ACT_POINT);
	wr_text(&c.w, label);
	ask(w, &c);
	rd_copy(&c.r, point, P256_POINT);
	return end(w, &c);
}

enum err worker_sign(struct worker *w, uint8_t sig[static P256_SIG], const char *label, const uint8_t digest[static 32])
{
	struct call c;

	begin(&c, ACT_SIGN);
	wr_text(&c.w, label);
	wr_copy(&c.w, digest, 32);
	ask(w, &c);
	rd_copy(&c.r, sig, P256_SIG);
	return end(w, &c);
}

enum err worker_ephemeral(struct worker *w, uint64_t *handle, uint8_t point[static P256_POINT])
{
	struct call c;

	begin(&c, ACT_EPHEMERAL);
	ask(w, &c);
	*handle = rd_u64(&c.r);
	rd_copy(&c.r, point, P256_POINT);
	return end(w, &c);
}

enum err worker_forget(struct worker *w, uint64_t handle)
{
	struct call c;

	begin(&c, ACT_FORGET);
	wr_u64(&c.w, handle);
	ask(w, &c);
	return end(w, &c);
}

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum err worker_order_key(struct worker *w, const struct key_order *order)
{
	struct call c;
	enum err e;

	begin(&c, ACT_MAKE_KEY);
	wr_copy(&c.w, order->t.h, sizeof order->t.h);
	wr_copy(&c.w, order->environment, sizeof order->environment);
	wr_u8(&c.w, order->slot);
	wr_set(&c.w, &order->set);
	wr_ksn(&c.w, &order->iksn);
	wr_copy(&c.w, order->peer, P256_POINT);
	put(w, &c);
	e = c.e;
	if (e == E_TOKEN)
		worker_stop(w);
	if (!e) {
		w->state = WORKER_KEY_ORDERED;
		w->until = milliseconds() + RPC_SECONDS * 1000;
	}
	wipe(&c, sizeof c);
	return e;
}

int worker_left(const struct worker *w)
{
	uint64_t now = milliseconds();

	return w->state != WORKER_KEY_ORDERED ? -1 : w->until > now ? (int)(w->until - now) : 0;
}

void worker_wait_key(struct worker *w)
{
	struct pollfd fd = { w->fd, POLLIN, 0 };
	struct call c = { .e = E_OK };
	struct span key;
	int n;

	if (w->state != WORKER_KEY_ORDERED)
		return;
	do
		n = poll(&fd, 1, worker_left(w));
	while (n < 0 && errno == EINTR);
	c.e = n > 0 ? E_OK : E_TOKEN;
	get(w, &c);
	key = rd_span(&c.r, c.r.left <= sizeof w->key ? c.r.left : c.r.left + 1);
	if (!c.e && (c.r.e || !key.len))
		c.e = E_TOKEN;
	w->key_len = c.e ? 0 : key.len;
	if (!c.e)
		memcpy(w->key, key.p, key.len);
	w->state = WORKER_KEY_MADE;
	w->made = end(w, &c);
}

enum err worker_take_key(struct worker *w, uint8_t key[static MSG_MAX], size_t *len)
{
	enum err e = w->state == WORKER_KEY_MADE ? w->made : E_TOKEN;

	*len = e ? 0 : w->key_len;
	memcpy(key, w->key, *len);
	wipe(w->key, sizeof w->key);
	w->key_len = 0;
	w->state = WORKER_KEY_NONE;
	return e;
}

enum err worker_make_bdk(struct worker *w, struct kcv *kcv, struct wrapped item[static 2], uint8_t *items,
			 uint64_t handle, const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
			 const struct key_set_id *set)
{
	struct call c;

	begin(&c, ACT_MAKE_BDK);
	wr_u64(&c.w, handle);
	wr_copy(&c.w, peer, P256_POINT);
	wr_copy(&c.w, ctx, 32);
	wr_set(&c.w, set);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	rd_items(&c.r, item, items);
	return end(w, &c);
}

enum err worker_take_bdk(struct worker *w, struct kcv *kcv, const struct wrapped *item, uint8_t items,
			 const uint8_t point[static P256_POINT], const uint8_t ctx[static 32],
			 const struct key_set_id *set)
{
	struct call c;

	begin(&c, ACT_TAKE_BDK);
	if (items > 2)
		c.w.e = E_UNWRAP;
	wr_items(&c.w, item, items > 2 ? 0 : items);
	wr_copy(&c.w, point, P256_POINT);
	wr_copy(&c.w, ctx, 32);
	wr_set(&c.w, set);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	return end(w, &c);
}

enum err worker_enter_bdk(struct worker *w, struct kcv *kcv, const struct key part[], uint8_t parts,
			  const struct key_set_id *set, const struct kcv *paper)
{
	struct call c;

	begin(&c, ACT_ENTER_BDK);
	if (parts > COMPONENTS_MOST)
		c.w.e = E_RANGE;
	wr_parts(&c.w, part, parts > COMPONENTS_MOST ? 0 : parts);
	wr_set(&c.w, set);
	wr_kcv(&c.w, paper);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	return end(w, &c);
}

enum err worker_enter_kbpk(struct worker *w, struct kcv *kcv, const struct key part[], uint8_t parts,
			   const struct kbpk_id *id, const struct kcv *paper)
{
	struct call c;

	begin(&c, ACT_ENTER_KBPK);
	if (parts > COMPONENTS_MOST)
		c.w.e = E_RANGE;
	wr_parts(&c.w, part, parts > COMPONENTS_MOST ? 0 : parts);
	wr_kbpk(&c.w, id);
	wr_kcv(&c.w, paper);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	return end(w, &c);
}

/* The block in an answer, behind its check value */
static enum err take_block(struct worker *w, struct call *c, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len)
{
	struct span block;

	rd_kcv(&c->r, kcv);
	block = rd_span16(&c->r);
	if (!c->e && block.len > BLOCK_MAX)
		c->e = E_TOKEN;
	*len = c->e || c->r.e ? 0 : block.len;
	if (*len)
		memcpy(text, block.p, *len);
	return end(w, c);
}

enum err worker_make_kbpk(struct worker *w, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
			  const struct kbpk_id *id, const struct kbpk_id *under, char exportability)
{
	static const struct kbpk_id none;
	struct call c;

	begin(&c, ACT_MAKE_KBPK);
	wr_kbpk(&c.w, id);
	wr_kbpk(&c.w, under ? under : &none);
	wr_u8(&c.w, (uint8_t)exportability);
	ask(w, &c);
	return take_block(w, &c, kcv, text, len);
}

enum err worker_take_kbpk_block(struct worker *w, struct kcv *kcv, struct kbpk_id *id, struct span text,
				const struct kbpk_id *under)
{
	struct kbpk_id is;
	struct call c;
	enum err e;

	begin(&c, ACT_TAKE_KBPK_BLOCK);
	wr_name(&c.w, id->name);
	wr_kbpk(&c.w, under);
	wr_span16(&c.w, text);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	rd_kbpk(&c.r, &is);
	e = end(w, &c);
	if (!e)
		id->type = is.type;
	return e;
}

enum err worker_drop_kbpk(struct worker *w, const char *name)
{
	struct call c;

	begin(&c, ACT_DROP_KBPK);
	wr_name(&c.w, name);
	ask(w, &c);
	return end(w, &c);
}

enum err worker_make_bdk_block(struct worker *w, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
			       const struct key_set_id *set, const struct kbpk_id *under, char exportability)
{
	struct call c;

	begin(&c, ACT_MAKE_BDK_BLOCK);
	wr_set(&c.w, set);
	wr_kbpk(&c.w, under);
	wr_u8(&c.w, (uint8_t)exportability);
	ask(w, &c);
	return take_block(w, &c, kcv, text, len);
}

enum err worker_take_bdk_block(struct worker *w, struct kcv *kcv, struct key_set_id *set, uint8_t most, struct span text,
			       const struct kbpk_id *under)
{
	struct key_set_id is;
	struct call c;
	enum err e;

	begin(&c, ACT_TAKE_BDK_BLOCK);
	wr_set(&c.w, set);
	wr_u8(&c.w, most);
	wr_kbpk(&c.w, under);
	wr_span16(&c.w, text);
	ask(w, &c);
	rd_kcv(&c.r, kcv);
	rd_set(&c.r, &is);
	e = end(w, &c);
	if (!e)
		set->scheme = is.scheme;
	return e;
}

enum err worker_drop_bdk(struct worker *w, const struct key_set_id *set)
{
	struct call c;

	begin(&c, ACT_DROP_BDK);
	wr_set(&c.w, set);
	ask(w, &c);
	return end(w, &c);
}

enum err worker_initial_key(struct worker *w, struct key *ik, const struct key_set_id *set, const struct ksn *iksn)
{
	struct call c;
	enum err e;

	begin(&c, ACT_INITIAL_KEY);
	wr_set(&c.w, set);
	wr_ksn(&c.w, iksn);
	ask(w, &c);
	ik->len = rd_short(&c.r, ik->b, sizeof ik->b);
	e = end(w, &c); /* E_TOKEN for an answer that goes on after the key */
	if (e)
		wipe(ik, sizeof *ik);
	return e;
}

enum err worker_mark(struct worker *w, uint8_t mark[static TOKEN_MARK])
{
	struct call c;

	begin(&c, ACT_MARK);
	ask(w, &c);
	rd_copy(&c.r, mark, TOKEN_MARK);
	return end(w, &c);
}

enum err worker_set_mark(struct worker *w, const uint8_t mark[static TOKEN_MARK], const uint8_t known[static TOKEN_MARK],
			 const uint8_t tried[static TOKEN_MARK])
{
	struct call c;

	begin(&c, ACT_SET_MARK);
	wr_copy(&c.w, mark, TOKEN_MARK);
	wr_copy(&c.w, known, TOKEN_MARK);
	wr_copy(&c.w, tried, TOKEN_MARK);
	ask(w, &c);
	return end(w, &c);
}

enum err worker_fingerprint(struct worker *w, uint8_t fp[static FINGERPRINT], bool *published, const char *label)
{
	struct call c;

	begin(&c, ACT_FINGERPRINT);
	wr_text(&c.w, label);
	ask(w, &c);
	rd_copy(&c.r, fp, FINGERPRINT);
	*published = rd_u8(&c.r);
	return end(w, &c);
}

enum err worker_destroy_bdk(struct worker *w, const struct key_set_id *set)
{
	struct call c;

	begin(&c, ACT_DESTROY_BDK);
	wr_set(&c.w, set);
	ask(w, &c);
	return end(w, &c);
}
