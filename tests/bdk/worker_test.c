/*
 * Workers: what each room's may be asked, that keys go from a load room to an acquirer room, that a worker can die at
 * any time, and that no key value shows in the traffic with the module.
 */
#include "bdk/worker.h"
#include "crypto/keywrap.h"
#include "tests/lib/test.h"
#include "tests/lib/token_folder.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPY "/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so"

static struct token_folder folder, other_folder;
static struct worker w = { .fd = -1 }, acquirer = { .fd = -1 };

static const struct key_set_id sets[] = {
	{ { 0xFF, 0xFF, 0x4B, 0x45, 0x59 }, 5, DUKPT_TDES },
	{ { 0x4B, 0x45, 0x59, 0x31 }, 4, DUKPT_AES128 },
};
#define NSETS ((int)(sizeof sets / sizeof *sets))

static const uint8_t ctx[32] = "a hash stands here, as from KEY.";

/* The terminal's pair */
static struct key terminal_priv;
static uint8_t terminal[P256_POINT];

static void make_folders(void)
{
	token_folder_make_token(&other_folder);
	token_folder_make_token(&folder);
	terminal_priv = test_key("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF");
	ck_assert_int_eq(p256_public(terminal, &terminal_priv), E_OK);
}

static void remove_folders(void)
{
	worker_stop(&w);
	worker_stop(&acquirer);
	token_folder_remove(&folder);
	token_folder_remove(&other_folder);
}

static void start(enum room_purpose purpose)
{
	ck_assert_int_eq(worker_start(&w, &folder.at, purpose, TOKEN_FOLDER_PIN), E_OK);
}

static struct key_order order_for(const struct key_set_id *set)
{
	struct key_order o = { .slot = 3, .set = *set };

	ck_assert_int_eq(transcript_start(&o.t), E_OK);
	memset(o.environment, 7, sizeof o.environment);
	memcpy(o.peer, terminal, sizeof o.peer);
	ck_assert_int_eq(ksn_make(&o.iksn, set->scheme, set->b, 77), E_OK);
	return o;
}

static enum err make_key(struct worker *at, uint8_t key[static MSG_MAX], size_t *len, const struct key_order *o)
{
	enum err e = worker_order_key(at, o);

	worker_wait_key(at);
	return e ? e : worker_take_key(at, key, len);
}

static uint8_t key_ctx[32]; /* of the KEY taken last */

/* The initial key in a KEY that is as ordered, signed and in the form that alone is taken. */
static struct key taken_from(struct span key, const struct key_order *o, const uint8_t identity[static P256_POINT])
{
	static const char *const labels[2][2] = { { "KRM1-IK" }, { "KRM1-IL", "KRM1-IR" } };
	const uint8_t *sig;
	uint8_t digest[32];
	struct key ik = { .len = 0 }, z, kek, part;
	struct msg_key m;
	struct span body;

	ck_assert_int_eq(msg_open(&body, &sig, MSG_KEY, key), E_OK);
	ck_assert_int_eq(msg_get_key(&m, body), E_OK);
	ck_assert_int_eq(transcript_digest(digest, &o->t, MSG_KEY, body), E_OK);
	ck_assert_int_eq(p256_verify(sig, identity, digest), E_OK);
	ck_assert_mem_eq(m.environment, o->environment, sizeof m.environment);
	ck_assert_uint_eq(m.slot, o->slot);
	ck_assert_uint_eq(m.scheme, (unsigned)o->set.scheme);
	ck_assert_mem_eq(m.usage, "B1", 2);
	ck_assert_uint_eq(m.ksn.len, o->iksn.len);
	ck_assert_mem_eq(m.ksn.p, o->iksn.b, m.ksn.len);
	ck_assert_int_eq(transcript_ctx(key_ctx, &o->t, m.head), E_OK);
	ck_assert_int_eq(p256_ecdh(&z, &terminal_priv, m.point), E_OK);
	ck_assert_uint_eq(m.items, o->set.scheme == DUKPT_TDES ? 2 : 1);
	for (unsigned i = 0; i < m.items; i++) {
		ck_assert_mem_eq(m.item[i].label, labels[m.items - 1][i], KBKDF_LABEL);
		ck_assert_int_eq(kbkdf(&kek, &z, m.item[i].label, key_ctx), E_OK);
		ck_assert_int_eq(keywrap_unwrap(&part, &kek, m.item[i].wrapped.p, m.item[i].wrapped.len), E_OK);
		memcpy(ik.b + ik.len, part.b, part.len);
		ik.len = (uint8_t)(ik.len + part.len);
	}
	ck_assert_uint_eq(ik.len, 16);
	return ik;
}

/* The initial key of a KSN, as a terminal has it. */
static struct key load(const struct key_set_id *set, const struct ksn *iksn)
{
	uint8_t identity[P256_POINT], key[MSG_MAX];
	struct key_order order = order_for(set);
	size_t len;

	order.iksn = *iksn;
	if (worker_point(&w, identity, "identity"))
		ck_assert_int_eq(worker_make_pair(&w, identity, "identity"), E_OK);
	ck_assert_int_eq(make_key(&w, key, &len, &order), E_OK);
	return taken_from((struct span){ key, len }, &order, identity);
}

static void make_set(const struct key_set_id *set, const uint8_t peer[static P256_POINT], struct kcv *kcv,
		     struct wrapped item[static 2], uint8_t *items, uint8_t point[static P256_POINT])
{
	uint64_t h;

	ck_assert_int_eq(worker_ephemeral(&w, &h, point), E_OK);
	ck_assert_int_eq(worker_make_bdk(&w, kcv, item, items, h, peer, ctx, set), E_OK);
}

START_TEST(a_token_is_initialised_once)
{
	ck_assert_int_eq(worker_init_token(&folder.at, TOKEN_FOLDER_PIN, TOKEN_FOLDER_SO_PIN), E_EXISTS);
	start(ROOM_CA); /* and the PIN is the first one's */
}
END_TEST

#define TEXT(s) ((struct span){ (const uint8_t *)(s), strlen(s) })

/* Keys stay; who is logged in stays; the PINs of before open nothing; a wrong SO PIN changes nothing. */
START_TEST(the_so_pin_changes_both_pins)
{
	const struct token_pins wrong = { TEXT("0000000000000000"), TEXT("another-user-pin"), TEXT("another-so-pin") },
				right = { TOKEN_FOLDER_SO_PIN, TEXT("another-user-pin"), TEXT("another-so-pin") };
	uint8_t before[P256_POINT], after[P256_POINT], random[8];
	struct worker other;

	start(ROOM_LOAD);
	ck_assert_int_eq(worker_make_pair(&w, before, "records"), E_OK);
	ck_assert_int_eq(worker_change_pins(&folder.at, &wrong), E_PASSPHRASE);
	ck_assert_int_eq(worker_start(&other, &folder.at, ROOM_LOAD, TOKEN_FOLDER_PIN), E_OK);
	worker_stop(&other);
	ck_assert_int_eq(worker_change_pins(&folder.at, &right), E_OK);
	ck_assert_int_eq(worker_random(&w, random, sizeof random), E_OK);
	ck_assert_int_eq(worker_change_pins(&folder.at, &right), E_PASSPHRASE);
	ck_assert_int_eq(worker_start(&other, &folder.at, ROOM_LOAD, TOKEN_FOLDER_PIN), E_PASSPHRASE);
	ck_assert_int_eq(worker_start(&other, &folder.at, ROOM_LOAD, right.next_pin), E_OK);
	ck_assert_int_eq(worker_point(&other, after, "records"), E_OK);
	ck_assert_mem_eq(after, before, sizeof after);
	worker_stop(&other);
}
END_TEST

START_TEST(a_worker_that_cannot_open_the_token_is_gone)
{
	const struct {
		const char *uri;
		struct span pin;
		enum err e;
	} row[] = {
		{ TOKEN_FOLDER_URI, { (const uint8_t *)"wrong", 5 }, E_PASSPHRASE },
		{ "pkcs11:token=x?module-path=/nonexistent.so", TOKEN_FOLDER_PIN, E_TOKEN },
		{ "pkcs11:token=x?module-path=" TOKEN_FOLDER_MODULE, TOKEN_FOLDER_PIN, E_TOKEN },
		{ "nonsense", TOKEN_FOLDER_PIN, E_TOKEN },
	};
	struct token_place at = folder.at;
	uint8_t b[8] = { 1 };

	at.uri = row[_i].uri;
	ck_assert_int_eq(worker_start(&w, &at, ROOM_LOAD, row[_i].pin), row[_i].e);
	ck_assert_int_eq(w.fd, -1);
	ck_assert_int_eq(worker_random(&w, b, sizeof b), E_TOKEN);
	ck_assert_uint_eq(b[0], 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}
END_TEST

START_TEST(signs_and_gives_random_bytes_in_every_room)
{
	uint8_t point[P256_POINT], again[P256_POINT], sig[P256_SIG], digest[32] = { 7 };
	static uint8_t a[4096], b[4097];

	start((enum room_purpose)(_i + ROOM_CA));
	ck_assert_int_eq(worker_sign(&w, sig, "records", digest), E_KEY);
	ck_assert_int_eq(worker_make_pair(&w, point, "records"), E_OK);
	ck_assert_int_eq(worker_make_pair(&w, again, "records"), E_EXISTS);
	ck_assert_int_eq(worker_point(&w, again, "records"), E_OK);
	ck_assert_mem_eq(point, again, sizeof point);
	ck_assert_int_eq(worker_sign(&w, sig, "records", digest), E_OK);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_OK);
	ck_assert_int_eq(worker_point(&w, point, ""), E_KEY);
	ck_assert_int_eq(worker_point(&w, point, "a label that is too long to be one"), E_KEY);
	ck_assert_uint_eq(point[0], 0);
	ck_assert_int_eq(worker_random(&w, a, sizeof a), E_OK);
	ck_assert_int_eq(worker_random(&w, b, 4096), E_OK);
	ck_assert_mem_ne(a, b, sizeof a);
	ck_assert_int_eq(worker_random(&w, b, 4097), E_RANGE);
	ck_assert_int_eq(worker_random(&w, b, 0), E_OK);
	ck_assert_int_ge(w.fd, 0);
}
END_TEST

/* Every act beside every room: what the room is not for is denied, and the worker goes on. */
START_TEST(a_room_is_asked_for_nothing_but_its_purpose)
{
	uint8_t fp[FINGERPRINT];
	bool published;
	enum room_purpose purpose = (enum room_purpose)(_i + ROOM_CA);
	bool is_load = purpose == ROOM_LOAD, is_acquirer = purpose == ROOM_ACQUIRER;
	const struct key_set_id *set = &sets[1];
	const struct key_order order = order_for(set);
	uint8_t point[P256_POINT], key[MSG_MAX], items;
	const struct key part[2] = { { { 1 }, 16 }, { { 2 }, 16 } };
	const struct kbpk_id kbpk = { "kbpk", DUKPT_KEY_AES128 };
	char text[BLOCK_MAX];
	struct wrapped item[2] = { { .len = 0 } };
	struct key ik;
	struct ksn iksn;
	struct kcv kcv;
	uint64_t h = 0;
	size_t len;

	start(purpose);
	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 1), E_OK);
	ck_assert_int_eq(worker_ephemeral(&w, &h, point), is_load ? E_OK : E_DENIED);
	ck_assert_int_eq(make_key(&w, key, &len, &order), is_load ? E_KEY_SET : E_DENIED);
	ck_assert_int_eq(worker_make_bdk(&w, &kcv, item, &items, h + 1, terminal, ctx, set), is_load ? E_KEY : E_DENIED);
	ck_assert_int_eq(worker_forget(&w, h), is_load ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_take_bdk(&w, &kcv, item, 1, terminal, ctx, set), is_acquirer ? E_KEY : E_DENIED);
	ck_assert_int_eq(worker_initial_key(&w, &ik, set, &iksn), is_acquirer ? E_KEY_SET : E_DENIED);
	ck_assert_int_eq(worker_enter_bdk(&w, &kcv, part, 2, set, &(struct kcv){ .len = 0 }),
			 is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_drop_bdk(&w, set), is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_enter_kbpk(&w, &kcv, part, 2, &kbpk, &(struct kcv){ .len = 0 }),
			 is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_make_kbpk(&w, &kcv, text, &len, &kbpk, NULL, 'N'), is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_make_bdk_block(&w, &kcv, text, &len, set, &kbpk, 'N'), is_load ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_take_bdk_block(&w, &kcv, &(struct key_set_id){ { 1, 2, 3, 4 }, 4, DUKPT_NONE }, 16,
					       (struct span){ (const uint8_t *)text, len }, &kbpk),
			 is_load ? E_OK : is_acquirer ? E_FORMAT : E_DENIED);
	ck_assert_int_eq(worker_take_kbpk_block(&w, &kcv, &(struct kbpk_id){ "x", DUKPT_KEY_AES128 },
						(struct span){ (const uint8_t *)text, len }, &kbpk),
			 is_load ? E_SCHEME : is_acquirer ? E_FORMAT : E_DENIED);
	ck_assert_int_eq(worker_drop_kbpk(&w, "kbpk"), is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_destroy_bdk(&w, set), is_load || is_acquirer ? E_OK : E_DENIED);
	ck_assert_int_eq(worker_fingerprint(&w, fp, &published, "bdk-none"), is_load || is_acquirer ? E_KEY : E_DENIED);
	ck_assert_int_eq(worker_random(&w, point, 8), E_OK);
}
END_TEST

START_TEST(a_load_room_never_gives_an_initial_key)
{
	uint8_t point[P256_POINT], items;
	struct wrapped item[2];
	struct key ik;
	struct ksn iksn;
	struct kcv kcv;

	start(ROOM_LOAD);
	make_set(&sets[_i], terminal, &kcv, item, &items, point);
	ck_assert_int_eq(ksn_make(&iksn, sets[_i].scheme, sets[_i].b, 1), E_OK);
	ck_assert_int_eq(worker_initial_key(&w, &ik, &sets[_i], &iksn), E_DENIED);
	ck_assert_uint_eq(ik.len, 0);
}
END_TEST

START_TEST(an_acquirer_recovers_what_a_load_room_loads)
{
	const struct key_set_id *set = &sets[_i];
	uint8_t exchange[P256_POINT], point[P256_POINT], items;
	struct wrapped item[2];
	struct kcv made, taken;
	struct key loaded, recovered;
	struct ksn iksn;

	start(ROOM_LOAD);
	ck_assert_int_eq(worker_start(&acquirer, &other_folder.at, ROOM_ACQUIRER, TOKEN_FOLDER_PIN), E_OK);
	ck_assert_int_eq(worker_make_pair(&acquirer, exchange, "exchange"), E_OK);
	make_set(set, exchange, &made, item, &items, point);
	ck_assert_int_eq(worker_take_bdk(&acquirer, &taken, item, items, point, ctx, set), E_OK);
	ck_assert_uint_eq(made.len, set->scheme == DUKPT_TDES ? 3 : 5);
	ck_assert_mem_eq(&made, &taken, sizeof made);
	for (uint32_t device = 1; device < 4; device++) {
		ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, device), E_OK);
		loaded = load(set, &iksn);
		ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, set, &iksn), E_OK);
		ck_assert_uint_eq(recovered.len, 16);
		ck_assert_mem_eq(loaded.b, recovered.b, 16);
	}
	ck_assert_int_eq(worker_drop_bdk(&acquirer, set), E_OK);
	ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, set, &iksn), E_KEY_SET);
}
END_TEST

START_TEST(an_acquirer_derives_the_published_initial_keys)
{
	static const struct {
		struct key_set_id set;
		struct ksn iksn;
		const char *bdk, *variant, *ik;
	} row[] = {
		{ { { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, 5, DUKPT_TDES },
		  { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES },
		  "0123456789ABCDEFFEDCBA9876543210",
		  "C1E385A789ABCDEF3E1C7A5876543210",
		  "6AC292FAA1315B4D858AB3A3D7D5933A" },
		{ { { 0x12, 0x34, 0x56, 0x78 }, 4, DUKPT_AES128 },
		  { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56 }, KSN_AES },
		  "FEDCBA9876543210F1F1F1F1F1F1F1F1",
		  NULL,
		  "1273671EA26AC29AFA4D1084127652A1" },
	};
	static const char *const label[] = { "KRM1-BD", "KRM1-BV" };
	uint8_t exchange[P256_POINT], items = row[_i].variant ? 2 : 1;
	struct key z, kek, k, expected = test_key(row[_i].ik);
	struct wrapped item[2];
	struct kcv kcv;
	size_t len;

	start(ROOM_ACQUIRER);
	ck_assert_int_eq(worker_make_pair(&w, exchange, "exchange"), E_OK);
	ck_assert_int_eq(p256_ecdh(&z, &terminal_priv, exchange), E_OK);
	for (unsigned i = 0; i < items; i++) {
		k = test_key(i ? row[_i].variant : row[_i].bdk);
		ck_assert_int_eq(kbkdf(&kek, &z, label[i], ctx), E_OK);
		ck_assert_int_eq(keywrap_wrap(item[i].b, &len, &kek, &k), E_OK);
		item[i].len = (uint8_t)len;
		memcpy(item[i].label, label[i], KBKDF_LABEL);
	}
	ck_assert_int_eq(worker_take_bdk(&w, &kcv, item, items, terminal, ctx, &row[_i].set), E_OK);
	ck_assert_int_eq(worker_initial_key(&w, &k, &row[_i].set, &row[_i].iksn), E_OK);
	ck_assert_mem_eq(k.b, expected.b, 16);
	item[0].b[3] ^= 1;
	ck_assert_int_eq(worker_take_bdk(&w, &kcv, item, items, terminal, ctx, &row[_i].set), E_EXISTS);
	ck_assert_int_eq(worker_drop_bdk(&w, &row[_i].set), E_OK);
	ck_assert_int_eq(worker_take_bdk(&w, &kcv, item, items, terminal, ctx, &row[_i].set), E_UNWRAP);
	ck_assert_int_eq(worker_take_bdk(&w, &kcv, item, 3, terminal, ctx, &row[_i].set), E_UNWRAP);
}
END_TEST

/* A load room and an acquirer room that were given the same components have the published key: what one loads, the other
 * recovers. */
START_TEST(two_rooms_that_enter_the_same_components_have_the_same_key)
{
	static const struct {
		struct key_set_id set;
		struct ksn iksn;
		const char *bdk, *kcv, *ik;
	} row[] = {
		{ { { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, 5, DUKPT_TDES },
		  { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES },
		  "0123456789ABCDEFFEDCBA9876543210",
		  "08D7B4",
		  "6AC292FAA1315B4D858AB3A3D7D5933A" },
		{ { { 0x12, 0x34, 0x56, 0x78 }, 4, DUKPT_AES128 },
		  { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56 }, KSN_AES },
		  "FEDCBA9876543210F1F1F1F1F1F1F1F1",
		  "FF0BD7C455",
		  "1273671EA26AC29AFA4D1084127652A1" },
	};
	struct key part[3] = { test_key("5D79A1F4298C3BE64C0EF2FD1A76D093"), test_key("A4BC3ECBD65DC2923BB6D95D4FEA80B6"),
			       test_key(row[_i].bdk) /* xor the two others */ };
	struct key loaded, recovered, expected = test_key(row[_i].ik);
	struct kcv kcv, paper = { .len = 0 }, wrong;

	for (unsigned i = 0; i < 16; i++)
		part[2].b[i] ^= part[0].b[i] ^ part[1].b[i];
	start(ROOM_LOAD);
	ck_assert_int_eq(worker_start(&acquirer, &other_folder.at, ROOM_ACQUIRER, TOKEN_FOLDER_PIN), E_OK);
	/* the check value alone, before anything is kept */
	ck_assert_int_eq(worker_enter_bdk(&w, &kcv, part, 3, &row[_i].set, &paper), E_OK);
	paper.len = (uint8_t)test_hex(paper.b, sizeof paper.b, row[_i].kcv);
	ck_assert_uint_eq(kcv.len, paper.len);
	ck_assert_mem_eq(kcv.b, paper.b, kcv.len);
	ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, &row[_i].set, &row[_i].iksn), E_KEY_SET);
	wrong = paper;
	wrong.b[wrong.len - 1] ^= 1;
	ck_assert_int_eq(worker_enter_bdk(&acquirer, &kcv, part, 3, &row[_i].set, &wrong), E_MAC);
	ck_assert_uint_eq(kcv.len, 0);
	ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, &row[_i].set, &row[_i].iksn), E_KEY_SET);
	ck_assert_int_eq(worker_enter_bdk(&w, &kcv, part, 3, &row[_i].set, &paper), E_OK);
	ck_assert_int_eq(worker_enter_bdk(&acquirer, &kcv, part, 3, &row[_i].set, &paper), E_OK);
	ck_assert_mem_eq(kcv.b, paper.b, kcv.len);
	ck_assert_int_eq(worker_enter_bdk(&acquirer, &kcv, part, 3, &row[_i].set, &paper), E_EXISTS);
	ck_assert_int_eq(worker_enter_bdk(&acquirer, &kcv, part, 10, &row[_i].set, &paper), E_RANGE);
	loaded = load(&row[_i].set, &row[_i].iksn);
	ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, &row[_i].set, &row[_i].iksn), E_OK);
	ck_assert_mem_eq(loaded.b, expected.b, 16);
	ck_assert_mem_eq(recovered.b, expected.b, 16);
}
END_TEST

START_TEST(a_killed_worker_is_one_failed_call_and_key_sets_stay)
{
	const struct key_set_id *set = &sets[_i];
	uint8_t point[P256_POINT], items = 9;
	struct wrapped item[2];
	struct key before, after;
	struct ksn iksn;
	struct kcv kcv;
	uint64_t h;

	start(ROOM_LOAD);
	make_set(set, terminal, &kcv, item, &items, point);
	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 77), E_OK);
	before = load(set, &iksn);
	ck_assert_int_eq(worker_ephemeral(&w, &h, point), E_OK);
	ck_assert_int_eq(kill(w.pid, SIGKILL), 0);
	ck_assert_int_eq(worker_make_bdk(&w, &kcv, item, &items, h, terminal, ctx, set), E_TOKEN);
	ck_assert_int_eq(w.fd, -1);
	ck_assert_uint_eq(items, 0);
	ck_assert_uint_eq(item[0].len, 0);
	ck_assert_int_eq(worker_forget(&w, h), E_TOKEN);
	worker_stop(&w);
	start(ROOM_LOAD);
	ck_assert_int_eq(worker_forget(&w, h), E_KEY); /* the pair died with its worker */
	after = load(set, &iksn);
	ck_assert_mem_eq(before.b, after.b, 16);
}
END_TEST

START_TEST(a_worker_that_hangs_is_given_up)
{
	const struct timeval soon = { 0, 200000 };
	uint8_t b[8] = { 1 };

	start(ROOM_LOAD);
	ck_assert_int_eq(setsockopt(w.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0); /* in 30 seconds' place */
	ck_assert_int_eq(kill(w.pid, SIGSTOP), 0);
	ck_assert_int_eq(worker_random(&w, b, sizeof b), E_TOKEN);
	ck_assert_int_eq(w.fd, -1);
	ck_assert_uint_eq(b[0], 0);
	start(ROOM_LOAD);
	ck_assert_int_eq(worker_random(&w, b, sizeof b), E_OK);
}
END_TEST

/* --- Whole KEYs --- */

static struct worker second = { .fd = -1 };

START_TEST(a_whole_key_is_made_in_one_act)
{
	const struct key_set_id *set = &sets[_i];
	uint8_t point[P256_POINT], identity[P256_POINT], key[MSG_MAX], items;
	struct key_order order = order_for(set), wrong = order;
	struct wrapped item[2];
	struct key expected, ik;
	struct kcv kcv;
	size_t len;

	start(ROOM_LOAD);
	make_set(set, terminal, &kcv, item, &items, point);
	ck_assert_int_eq(make_key(&w, key, &len, &order), E_KEY); /* nothing to sign with */
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(worker_make_pair(&w, identity, "identity"), E_OK);
	expected = load(set, &order.iksn);
	/* More than there is space for, so nothing is left of any. */
	for (unsigned i = 0; i < 70; i++) {
		ck_assert_int_eq(make_key(&w, key, &len, &order), E_OK);
		ik = taken_from((struct span){ key, len }, &order, identity);
		ck_assert_uint_eq(ik.len, 16);
		ck_assert_mem_eq(ik.b, expected.b, 16);
		wrong = order;
		wrong.iksn.b[2] ^= 1;
		ck_assert_int_eq(make_key(&w, key, &len, &wrong), E_KEY_SET);
		wrong = order;
		wrong.peer[64] ^= 1;
		ck_assert_int_eq(make_key(&w, key, &len, &wrong), E_POINT);
		wrong = order;
		wrong.iksn.len = 7;
		ck_assert_int_ne(make_key(&w, key, &len, &wrong), E_OK);
		ck_assert_uint_eq(len, 0);
	}
}
END_TEST

START_TEST(workers_of_one_token_see_the_same_keys) /* whichever of them made the key set, also after it was made again */
{
	const struct key_set_id *set = &sets[_i];
	uint8_t point[P256_POINT], identity[P256_POINT], key[MSG_MAX], items;
	struct key_order order = order_for(set);
	struct wrapped item[2];
	struct kcv kcv;
	size_t len;

	start(ROOM_LOAD);
	ck_assert_int_eq(worker_start(&second, &folder.at, ROOM_LOAD, TOKEN_FOLDER_PIN), E_OK);
	ck_assert_int_eq(worker_make_pair(&w, identity, "identity"), E_OK);
	ck_assert_int_eq(make_key(&second, key, &len, &order), E_KEY_SET);
	make_set(set, terminal, &kcv, item, &items, point);
	ck_assert_int_eq(worker_order_key(&w, &order), E_OK);
	ck_assert_int_eq(make_key(&second, key, &len, &order), E_OK);
	taken_from((struct span){ key, len }, &order, identity);
	worker_wait_key(&w);
	ck_assert_int_eq(worker_take_key(&w, key, &len), E_OK);
	taken_from((struct span){ key, len }, &order, identity);
	ck_assert_int_eq(worker_drop_bdk(&second, set), E_OK);
	ck_assert_int_ne(make_key(&w, key, &len, &order), E_OK);
	worker_stop(&second);
}
END_TEST

START_TEST(an_order_holds_a_worker_and_a_key_does_not)
{
	uint8_t identity[P256_POINT], key[MSG_MAX], b[8], items, point[P256_POINT];
	struct key_order order = order_for(&sets[1]);
	struct wrapped item[2];
	struct kcv kcv;
	size_t len;

	start(ROOM_LOAD);
	make_set(&sets[1], terminal, &kcv, item, &items, point);
	ck_assert_int_eq(worker_make_pair(&w, identity, "identity"), E_OK);
	ck_assert_int_eq(worker_left(&w), -1);
	ck_assert_int_eq(worker_order_key(&w, &order), E_OK);
	ck_assert_int_gt(worker_left(&w), 25000);
	worker_wait_key(&w);
	ck_assert_int_eq(worker_left(&w), -1);
	ck_assert_int_eq(worker_random(&w, b, sizeof b), E_OK);
	worker_stop(&w);
	ck_assert_int_eq(worker_take_key(&w, key, &len), E_OK);
	taken_from((struct span){ key, len }, &order, identity);
	ck_assert_int_eq(worker_take_key(&w, key, &len), E_TOKEN);
	/* Another act while an order is under way would take its answer for its own. */
	start(ROOM_LOAD);
	ck_assert_int_eq(worker_order_key(&w, &order), E_OK);
	ck_assert_int_eq(worker_random(&w, b, sizeof b), E_TOKEN);
	ck_assert_int_eq(w.fd, -1);
	worker_wait_key(&w);
	ck_assert_int_eq(worker_take_key(&w, key, &len), E_TOKEN);
}
END_TEST

START_TEST(an_order_that_hangs_is_given_up)
{
	struct key_order order = order_for(&sets[1]);
	uint8_t key[MSG_MAX];
	size_t len;

	start(ROOM_LOAD);
	ck_assert_int_eq(kill(w.pid, SIGSTOP), 0);
	ck_assert_int_eq(worker_order_key(&w, &order), E_OK);
	w.until -= 29900; /* 100 ms in 30 seconds' place */
	worker_wait_key(&w);
	ck_assert_int_eq(w.fd, -1);
	ck_assert_int_eq(worker_take_key(&w, key, &len), E_TOKEN);
	ck_assert_uint_eq(len, 0);
}
END_TEST

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

START_TEST(signals_do_not_disturb_a_call)
{
	const struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
	const struct itimerval often = { { 0, 200 }, { 0, 200 } };
	uint8_t point[P256_POINT];
	uint64_t h;

	ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	start(ROOM_LOAD);
	for (unsigned i = 0; i < 500 || !alarms; i++) {
		ck_assert_int_eq(worker_ephemeral(&w, &h, point), E_OK);
		ck_assert_int_eq(worker_forget(&w, h), E_OK);
	}
	worker_stop(&w);
	ck_assert_int_eq(worker_init_token(&folder.at, TOKEN_FOLDER_PIN, TOKEN_FOLDER_SO_PIN), E_EXISTS);
}
END_TEST

START_TEST(a_worker_holds_no_descriptor_of_its_supervisor)
{
	struct pollfd p = { .events = POLLIN };
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	start(ROOM_LOAD);
	close(ends[1]);
	p.fd = ends[0];
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	ck_assert(p.revents & POLLHUP); /* the other end is open nowhere */
	close(ends[0]);
}
END_TEST

START_TEST(a_worker_dies_with_its_supervisor)
{
	struct pollfd p = { .events = POLLIN };
	pid_t supervisor, pid;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	supervisor = fork();
	if (!supervisor) {
		enum err e = worker_start(&w, &folder.at, ROOM_LOAD, TOKEN_FOLDER_PIN);

		if (e || write(ends[1], &w.pid, sizeof w.pid) != sizeof w.pid)
			_exit(1);
		pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ends[0], &pid, sizeof pid), sizeof pid);
	p.fd = pidfd_open(pid, 0);
	ck_assert_int_ge(p.fd, 0);
	ck_assert_int_eq(poll(&p, 1, 0), 0); /* it lives */
	ck_assert_int_eq(kill(supervisor, SIGKILL), 0);
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	close(p.fd);
	waitpid(supervisor, NULL, 0);
}
END_TEST

/* --- pkcs11-spy between worker and module: its log of every call and every byte ---------------------------------- */

struct spied {
	char *text;     /* the log from some point on */
	uint8_t *bytes; /* of its hexadecimal dumps, one after the other */
	size_t n;
};

static void read_spy(struct spied *s, const char *path, long from)
{
	FILE *f = fopen(path, "r");
	long size;
	char *line, *save = NULL, *copy;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f) - from;
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(fseek(f, from, SEEK_SET), 0);
	s->text = calloc(1, (size_t)size + 1);
	s->bytes = malloc((size_t)size);
	s->n = 0;
	ck_assert(s->text && s->bytes);
	ck_assert_uint_eq(fread(s->text, 1, (size_t)size, f), (size_t)size);
	fclose(f);
	copy = strdup(s->text);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned offset, b;
		int at, used;

		/* "    00000010  6A C2 92 ...  text" */
		if (sscanf(line, " %8x %n", &offset, &at) != 1 || at < 12)
			continue;
		for (unsigned i = 0; i < 16 && sscanf(line + at, "%2x %n", &b, &used) == 1 && used >= 3;
		     i++, at += used)
			s->bytes[s->n++] = (uint8_t)b;
	}
	free(copy);
}

static bool shows_key(const struct spied *s, const struct key *k)
{
	for (unsigned half = 0; half < 2; half++)
		if (memmem(s->bytes, s->n, k->b + 8 * half, 8))
			return true;
	return false;
}

/* What must not happen while a load room loads */
static bool careless(const struct spied *s)
{
	static const char *const word[] = { "C_CreateObject", "C_Decrypt", "CKA_VALUE  ", "C_SetAttributeValue" };

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (strstr(s->text, word[i]))
			return true;
	return false;
}

static long size_of(const char *path)
{
	FILE *f = fopen(path, "r");
	long n;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	fclose(f);
	return n;
}

START_TEST(no_key_value_shows_between_load_room_and_module)
{
	const struct key_set_id *set = &sets[_i];
	uint8_t exchange[P256_POINT], point[P256_POINT], items;
	char log[128], acquirer_log[128];
	uint8_t block[KBKDF_INPUT];
	struct wrapped item[2];
	struct key ik[3], recovered;
	struct ksn iksn[3];
	struct spied s;
	struct kcv kcv;
	long from;

	snprintf(log, sizeof log, "%s/spy", folder.dir);
	snprintf(acquirer_log, sizeof acquirer_log, "%s/spy", other_folder.dir);
	folder.at.uri = other_folder.at.uri = "pkcs11:token=Test%20room?module-path=" SPY;
	ck_assert_int_eq(setenv("PKCS11SPY", TOKEN_FOLDER_MODULE, 1), 0);
	ck_assert_int_eq(setenv("PKCS11SPY_OUTPUT", acquirer_log, 1), 0);
	ck_assert_int_eq(worker_start(&acquirer, &other_folder.at, ROOM_ACQUIRER, TOKEN_FOLDER_PIN), E_OK);
	ck_assert_int_eq(worker_make_pair(&acquirer, exchange, "exchange"), E_OK);
	ck_assert_int_eq(setenv("PKCS11SPY_OUTPUT", log, 1), 0);
	start(ROOM_LOAD);
	make_set(set, exchange, &kcv, item, &items, point);
	ck_assert_int_eq(worker_take_bdk(&acquirer, &kcv, item, items, point, ctx, set), E_OK);

	from = size_of(log);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(ksn_make(&iksn[i], set->scheme, set->b, i + 1), E_OK);
		ik[i] = load(set, &iksn[i]);
	}
	read_spy(&s, log, from);
	ck_assert_ptr_nonnull(strstr(s.text, "C_WrapKey"));
	kbkdf_input(block, 1, items == 2 ? "KRM1-IL" : "KRM1-IK", key_ctx);
	ck_assert_ptr_nonnull(memmem(s.bytes, s.n, block, 16)); /* the dumps are read: the KDF's first block */
	ck_assert(!careless(&s));
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!shows_key(&s, &ik[i]));
	free(s.text);
	free(s.bytes);

	/* the leaky twin: an acquirer room gives the same keys out, and the same eyes see it */
	from = size_of(acquirer_log);
	ck_assert_int_eq(worker_initial_key(&acquirer, &recovered, set, &iksn[0]), E_OK);
	ck_assert_mem_eq(recovered.b, ik[0].b, 16);
	read_spy(&s, acquirer_log, from);
	ck_assert(careless(&s));
	ck_assert(shows_key(&s, &ik[0]));
	free(s.text);
	free(s.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_folders, remove_folders);
	tcase_add_test(t, a_token_is_initialised_once);
	tcase_add_test(t, the_so_pin_changes_both_pins);
	tcase_add_loop_test(t, a_worker_that_cannot_open_the_token_is_gone, 0, 4);
	tcase_add_loop_test(t, signs_and_gives_random_bytes_in_every_room, 0, 3);
	tcase_add_loop_test(t, a_room_is_asked_for_nothing_but_its_purpose, 0, 3);
	tcase_add_loop_test(t, a_load_room_never_gives_an_initial_key, 0, NSETS);
	tcase_add_loop_test(t, an_acquirer_recovers_what_a_load_room_loads, 0, NSETS);
	tcase_add_loop_test(t, an_acquirer_derives_the_published_initial_keys, 0, 2);
	tcase_add_loop_test(t, two_rooms_that_enter_the_same_components_have_the_same_key, 0, 2);
	tcase_add_loop_test(t, a_killed_worker_is_one_failed_call_and_key_sets_stay, 0, NSETS);
	tcase_add_test(t, a_worker_that_hangs_is_given_up);
	tcase_add_loop_test(t, a_whole_key_is_made_in_one_act, 0, NSETS);
	tcase_add_loop_test(t, workers_of_one_token_see_the_same_keys, 0, NSETS);
	tcase_add_test(t, an_order_holds_a_worker_and_a_key_does_not);
	tcase_add_test(t, an_order_that_hangs_is_given_up);
	tcase_add_test(t, signals_do_not_disturb_a_call);
	tcase_add_test(t, a_worker_holds_no_descriptor_of_its_supervisor);
	tcase_add_test(t, a_worker_dies_with_its_supervisor);
	tcase_add_loop_test(t, no_key_value_shows_between_load_room_and_module, 0, NSETS);
	return s;
}

int main(void)
{
	return test_main(suite());
}
