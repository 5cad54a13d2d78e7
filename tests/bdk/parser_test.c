/*
 * The parser: it answers as the functions behind it, and whatever becomes of it - killed, hanging, talking nonsense, or
 * taken over by what it read - nothing is signed, wrapped or allocated that would not have been, and the room goes on with
 * another.
 *
 * parser.c and evident.c are compiled into this program, so that a twin of them can take every signature for good.
 */
#include "bdk/evident.h"
#include "bdk/exchange.h"
#include "bdk/kdh.h"
#include "tests/lib/kdh_now.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/process.h"
#include "tests/lib/soft_ca.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool blind; /* the twin: every signature is good */

static enum err twin_verify(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	return blind ? E_OK : p256_verify(sig, point, digest);
}

#define p256_verify twin_verify
#include "bdk/evident.c"
#undef p256_verify
#include "bdk/parser.c"

#define SET "FFFF987654"
#define UTC UINT64_C(1790000000)

/* A CA, another, and what the first one certified. */
static struct authority {
	struct key priv;
	struct pki_signer signer;
	struct der der;
	struct cert says;
} ca, other_ca;
static struct key priv;
static struct der terminal;
static uint8_t point[P256_POINT], number[20], other_point[P256_POINT];
static struct parser parser;
static char why[KDH_WHY];

static void make_ca(struct authority *a, uint8_t key, const char *name)
{
	uint8_t at[P256_POINT];

	a->priv = (struct key){ { key, 1 }, 32 };
	a->signer = (struct pki_signer){ soft_sign, &a->priv };
	ck_assert_int_eq(p256_public(at, &a->priv), E_OK);
	ck_assert_int_eq(pki_ca(a->der.b, &a->der.len, sizeof a->der.b, at, name, UTC, 3650, &a->signer), E_OK);
	ck_assert_int_eq(cert_anchor(&a->says, der_span(&a->der)), E_OK);
}

static void setup(void)
{
	const struct pki_subject who = { "TC1", "TC1", NULL };

	make_ca(&ca, 1, "Test device CA");
	make_ca(&other_ca, 2, "Test KIF CA");
	priv = (struct key){ { 3, 1 }, 32 };
	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	memcpy(other_point, other_ca.says.point, sizeof other_point);
	ck_assert_int_eq(pki_issue(terminal.b, &terminal.len, sizeof terminal.b, point, &who, &ca.says,
				   (uint8_t[16]){ 9, 8, 7 }, UTC, 30, false, &ca.signer),
			 E_OK);
	ck_assert_int_eq(parser_start(&parser, false), E_OK);
}

static void teardown(void)
{
	parser_stop(&parser);
}

static enum err read_terminal(struct cert *c)
{
	return parser_cert(&parser, c, number, der_span(&terminal), der_span(&ca.der), UTC);
}

/* A parser of the test's: whatever it is asked it answers so, or not at all, and then it ends. */
static void puppet(struct parser *p, const uint8_t *answer, size_t len)
{
	static uint8_t question[QUESTION_MAX];
	struct asked a;
	struct rd r;
	int end[2];
	ssize_t n;

	parser_stop(p);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end), 0);
	p->pid = fork();
	if (!p->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(60);
		close(end[0]);
		while ((n = recv(end[1], question, sizeof question, 0)) > 0) {
			rd_init(&r, question, (size_t)n);
			if (rd_asked(&a, &r) || a.what == ASK_PART)
				continue;
			if (!answer)
				break;
			send(end[1], answer, len, MSG_NOSIGNAL);
		}
		_exit(0);
	}
	ck_assert_int_gt(p->pid, 0);
	p->fd = end[0];
	close(end[1]);
}

/* One that was taken over: everything is good. */
static void liar(struct parser *p)
{
	static const uint8_t good = E_OK;

	puppet(p, &good, 1);
}

/* --- What it says ---------------------------------------------------------------------------------------------------- */

START_TEST(it_answers_as_the_functions_behind_it)
{
	const struct pki_signer own = { soft_sign, &priv };
	uint8_t at[P256_POINT], csr[PKI_MAX];
	struct cert c, other;
	struct span der = der_span(&terminal), by = der_span(&ca.der);
	char name[CERT_TEXT];
	size_t len;
	pid_t pid = parser.pid;

	ck_assert_int_eq(read_terminal(&c), E_OK);
	ck_assert_int_eq(cert_verify(&other, der, by, UTC), E_OK);
	ck_assert_mem_eq(&c, &other, sizeof c);
	ck_assert_mem_eq(number, ((uint8_t[20]){ 0, 0, 0, 0, 9, 8, 7 }), sizeof number);
	ck_assert_int_eq(parser_cert(&parser, &c, number, der, by, 1), E_EXPIRED);
	ck_assert_int_eq(parser_cert(&parser, &c, number, der, der_span(&other_ca.der), UTC), E_CERTIFICATE);
	ck_assert_int_eq(parser_cert(&parser, &c, number, (struct span){ der.p, der.len - 1 }, by, UTC), E_FORMAT);
	ck_assert_int_eq(parser_cert(&parser, &c, number, (struct span){ der.p, 0 }, by, UTC), E_FORMAT);
	ck_assert_int_eq(parser_anchor(&parser, &c, by), E_OK);
	ck_assert_mem_eq(&c, &ca.says, sizeof c);
	ck_assert_int_eq(parser_anchor(&parser, &c, der), E_CERTIFICATE);
	ck_assert_int_eq(pki_request(csr, &len, sizeof csr, point, "KIF-7", &own), E_OK);
	ck_assert_int_eq(parser_request(&parser, at, name, (struct span){ csr, len }), E_OK);
	ck_assert_str_eq(name, "KIF-7");
	ck_assert_mem_eq(at, point, sizeof at);
	csr[len - 1] ^= 1;
	ck_assert_int_eq(parser_request(&parser, at, name, (struct span){ csr, len }), E_SIGNATURE);
	ck_assert_int_eq(parser.pid, pid); /* none of it was a reason to start another */
}
END_TEST

/* A list that comes in several parts. */
START_TEST(it_reads_a_list_of_any_length)
{
	enum { MOST = 3000 };
	static struct pki_revoked revoked[MOST];
	static uint8_t der[PKI_CRL_MAX];
	static const size_t lengths[] = { 0, 1, MOST };
	struct span by = der_span(&ca.der);
	struct pki_list l = { 0 }, other = { 0 };
	size_t len;

	for (unsigned i = 0; i < MOST; i++) {
		revoked[i].utc = UTC;
		put_be32(revoked[i].number + 4, i * 2654435761u);
	}
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		ck_assert_int_eq(
			pki_crl(der, &len, sizeof der, &ca.says, 77, 5, revoked, lengths[i], UTC, 9, &ca.signer), E_OK);
		ck_assert_int_eq(parser_list(&parser, &l, (struct span){ der, len }, by), E_OK);
		ck_assert_int_eq(pki_list_read(&other, (struct span){ der, len }, by), E_OK);
		ck_assert_uint_eq(l.n, lengths[i]);
		if (l.n)
			ck_assert_mem_eq(l.revoked, other.revoked, l.n * sizeof *l.revoked);
		ck_assert_mem_eq(l.digest, other.digest, sizeof l.digest);
		ck_assert(l.number == 77 && l.epoch == 5 && l.from == other.from && l.until == other.until);
		ck_assert_int_eq(parser_list(&parser, &l, (struct span){ der, len - 1 }, by), E_FORMAT);
		ck_assert_int_eq(parser_list(&parser, &l, (struct span){ der, len }, der_span(&other_ca.der)),
				 E_CERTIFICATE);
		pki_list_free(&l);
		pki_list_free(&other);
	}
}
END_TEST

START_TEST(it_is_asked_about_nothing_too_long)
{
	static uint8_t big[PKI_CRL_MAX + 1];
	struct span all = SPAN(big), less = { big, PKI_CRL_MAX }, by = der_span(&ca.der);
	struct pki_list l;
	struct cert c;
	pid_t pid = parser.pid;

	ck_assert_int_eq(parser_anchor(&parser, &c, all), E_FORMAT);
	ck_assert_int_eq(parser_anchor(&parser, &c, less), E_FORMAT);
	ck_assert_int_eq(parser_list(&parser, &l, all, by), E_FORMAT);
	ck_assert_int_eq(parser_list(&parser, &l, less, by), E_FORMAT);
	ck_assert_int_eq(parser_list(&parser, &l, by, less), E_FORMAT);
	ck_assert_int_eq(parser_cert(&parser, &c, number, all, by, 1), E_FORMAT);
	ck_assert_int_eq(read_terminal(&c), E_OK);
	ck_assert_int_eq(parser.pid, pid);
}
END_TEST

/* --- What may become of it ------------------------------------------------------------------------------------------- */

START_TEST(a_dead_one_costs_no_question)
{
	struct parser *p = &parser;
	struct cert c;
	pid_t pid = p->pid;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (at_rest(p)) /* until the kernel has closed its end */
		;
	ck_assert_int_eq(read_terminal(&c), E_OK);
	ck_assert_int_ne(p->pid, pid);
}
END_TEST

/* An answer that nobody asked for is not taken for the next one. */
START_TEST(one_that_talks_unasked_is_ended)
{
	static const uint8_t good = E_OK;
	struct parser *p = &parser;
	struct cert c;
	int end[2];

	parser_stop(p);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end), 0);
	p->fd = end[0];
	p->pid = fork();
	if (!p->pid)
		_exit(0);
	ck_assert_int_gt(p->pid, 0);
	ck_assert_int_eq(send(end[1], &good, 1, 0), 1);
	ck_assert_int_eq(read_terminal(&c), E_OK); /* of another parser */
	ck_assert_int_ne(p->fd, -1);
	close(end[1]);
}
END_TEST

/* Any byte as an answer about a certificate that is wrong: a verdict, or nothing, but never E_OK. */
START_TEST(no_answer_makes_a_wrong_certificate_good)
{
	struct parser *p = &parser;
	struct der wrong = terminal;
	struct cert c;
	unsigned verdicts = 0;

	wrong.b[wrong.len - 1] ^= 1;
	for (unsigned i = 0; i < 256; i++) {
		const uint8_t answer = (uint8_t)i;
		enum err e;

		puppet(p, &answer, 1);
		e = parser_cert(p, &c, number, der_span(&wrong), der_span(&ca.der), UTC);
		ck_assert_int_ne(e, E_OK);
		ck_assert(e == E_PARSER ? p->fd == -1 : (unsigned)e == i);
		verdicts += e != E_PARSER;
	}
	ck_assert_uint_eq(verdicts, 5);
}
END_TEST

/* The same certificate with another key in it. */
static void with_point(struct der *der, const uint8_t *is, const uint8_t *other)
{
	uint8_t *at = memmem(der->b, der->len, is, P256_POINT);

	ck_assert_ptr_nonnull(at);
	memcpy(at, other, P256_POINT);
}

enum fate { HANGS, DIES, NOTHING, TWO, STRANGE, LIES, FATES };

static void strike(struct parser *p, enum fate fate)
{
	static const uint8_t answer[] = { 200, E_OK };
	const struct timeval soon = { 0, 200000 };

	switch (fate) {
	case HANGS:
		ck_assert_int_eq(parser_start(p, false), E_OK);
		ck_assert_int_gt(p->pid, 0); /* -1 would be everybody */
		ck_assert_int_eq(kill(p->pid, SIGSTOP), 0);
		ck_assert_int_eq(setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0); /* for 5 seconds */
		break;
	case DIES:
		puppet(p, NULL, 0);
		break;
	case NOTHING:
		puppet(p, answer, 0);
		break;
	case TWO:
		puppet(p, answer, 2);
		break;
	case STRANGE:
		puppet(p, answer, 1);
		break;
	default:
		liar(p);
		break;
	}
}

static struct room_sim sim;
static struct krd_sim tc1, tc2;
static struct key_set_id set;
static struct kdh kdh;
static struct load facts;

static enum err load(struct krd_sim *t, enum fate fate)
{
	uint8_t hello[MSG_MAX], offer[MSG_MAX], key[MSG_MAX];
	size_t hello_len, offer_len, key_len;
	enum err e = kdh_begin(&kdh, hello, &hello_len, &sim.load, t->serial, &set, 0, why);

	ck_assert_int_eq(e, E_OK);
	krd_sim_hello(t, &sim, (struct span){ hello, hello_len });
	offer_len = krd_sim_offer(t, offer);
	if (fate < FATES)
		strike(&sim.load.parser, fate);
	e = kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why);
	if (!e)
		ck_assert(krd_sim_key(t, &sim, (struct span){ key, key_len }));
	return e;
}

/* The certificates are an attacker's: of a key that the CA did not certify. A liar finds them good. */
START_TEST(whatever_becomes_of_it_nothing_is_made)
{
	uint8_t package[EXCHANGE_MAX], before[32], after[32];
	struct key_set_id id;
	struct key_set made = { .utc = 0 };
	struct der good, wrong;
	struct key bdk;
	size_t len = 0;

	room_sim_make(&sim);
	krd_sim_enrolled(&tc1, &sim, "TC1");
	krd_sim_enrolled(&tc2, &sim, "TC2");
	room_sim_generate(&sim, &bdk, DUKPT_TDES, SET, 0, 9);
	ck_assert_int_eq(key_set_parse(&set, SET, DUKPT_TDES), E_OK);
	ck_assert_int_eq(key_set_parse(&id, "12345678", DUKPT_AES128), E_OK);
	good = tc1.cert;
	with_point(&tc1.cert, tc1.point, tc2.point);
	wrong = sim.acquirer.own;
	wrong.b[wrong.len - 1] ^= 1;
	room_sim_digest(before, &sim.load);
	for (enum fate fate = 0; fate < FATES; fate++) {
		ck_assert_int_eq(load(&tc1, fate), E_PARSER);
		ck_assert_int_eq(sim.load.parser.fd, -1);
		ck_assert_int_eq(kdh.state, KDH_IDLE);
		strike(&sim.load.parser, fate);
		ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &id, der_span(&wrong), why),
				 E_PARSER);
		ck_assert_uint_eq(len, 0);
		room_sim_digest(after, &sim.load);
		ck_assert_mem_eq(before, after, sizeof before);
	}
	/* The next ones have another parser, and the first device id; nor is the key set in the token: it can be made. */
	tc1.cert = good;
	ck_assert_int_eq(load(&tc1, FATES), E_OK);
	ck_assert_uint_eq(facts.id, 0);
	ck_assert_int_eq(
		exchange_generate(package, &len, &made, &sim.load, &id, der_span(&sim.acquirer.own), why), E_OK);
	room_sim_remove(&sim);
}
END_TEST

/* --- What a parser that was taken over can say is good --------------------------------------------------------------- */

static enum err believed(struct span der, struct span by, uint64_t utc)
{
	struct cert c;

	return evident_cert(&c, number, der, by, utc);
}

START_TEST(no_byte_that_the_ca_signed_may_be_another)
{
	struct der der = terminal;
	struct span by = der_span(&ca.der);
	unsigned free = 0;

	ck_assert_int_eq(believed(der_span(&der), by, UTC), E_OK);
	for (size_t i = 0; i < der.len; i++) {
		ck_assert_int_eq(believed((struct span){ der.b, i }, by, UTC), E_PARSER);
		for (unsigned bit = 0; bit < 8; bit++) {
			der.b[i] ^= (uint8_t)(1u << bit);
			free += believed(der_span(&der), by, UTC) == E_OK;
			der.b[i] ^= (uint8_t)(1u << bit);
		}
	}
	/* The name of the algorithm beside them, which is not looked at: the contents of one SEQUENCE of ten bytes. */
	ck_assert_uint_eq(free, 10 * 8);
	der.b[der.len] = 0;
	ck_assert_int_eq(believed((struct span){ der.b, der.len + 1 }, by, UTC), E_PARSER);
}
END_TEST

START_TEST(what_the_ca_signed_counts_as_what_it_is)
{
	static uint8_t list[PKI_CRL_MAX];
	struct span by = der_span(&ca.der), cert = der_span(&terminal);
	uint8_t at[P256_POINT];
	char name[CERT_TEXT];
	struct pki_list l = { 0 };
	struct cert c;
	size_t len;

	ck_assert_int_eq(pki_crl(list, &len, sizeof list, &ca.says, 77, 5, NULL, 0, UTC, 9, &ca.signer), E_OK);
	ck_assert_int_eq(evident_list(&l, (struct span){ list, len }, by), E_OK);
	pki_list_free(&l);
	ck_assert_int_eq(believed((struct span){ list, len }, by, UTC), E_PARSER);
	ck_assert_int_eq(believed(by, by, UTC), E_PARSER); /* an end entity is not the CA */
	ck_assert_int_eq(believed(cert, by, 1), E_PARSER);
	ck_assert_int_eq(believed(cert, by, UINT64_MAX), E_PARSER);
	ck_assert_int_eq(believed(cert, der_span(&other_ca.der), UTC), E_PARSER);
	ck_assert_int_eq(believed(cert, cert, UTC), E_PARSER);
	ck_assert_int_eq(evident_list(&l, cert, by), E_PARSER);
	ck_assert_int_eq(evident_list(&l, (struct span){ list, len }, der_span(&other_ca.der)), E_PARSER);
	ck_assert_int_eq(evident_request(at, name, cert), E_PARSER);
	ck_assert_int_eq(evident_request(at, name, by), E_PARSER);
	ck_assert_int_eq(evident_anchor(&c, cert), E_PARSER);
	ck_assert_int_eq(evident_number(number, (struct span){ list, len }), E_PARSER);
}
END_TEST

/* No entry of a list can be passed over, no number or end be another. */
START_TEST(a_liar_cannot_change_a_list)
{
	static uint8_t der[PKI_MAX];
	const struct pki_revoked revoked[] = { { { [19] = 7 }, 1 }, { { [0] = 0xff, [19] = 1 }, 2 } };
	struct span by = der_span(&ca.der);
	struct parser *p = &parser;
	struct pki_list l = { 0 };
	size_t len;

	ck_assert_int_eq(pki_crl(der, &len, sizeof der, &ca.says, 77, 5, revoked, 2, UTC, 9, &ca.signer), E_OK);
	for (size_t i = 0; i < len; i++) {
		liar(p);
		der[i] ^= 0x10;
		if (!parser_list(p, &l, (struct span){ der, len }, by)) {
			ck_assert(l.n == 2 && l.number == 77 &&
				  l.epoch == 5); /* it was the algorithm's name, beside them */
			ck_assert_uint_gt(i, len - 90);
			pki_list_free(&l);
		}
		der[i] ^= 0x10;
	}
	liar(p);
	ck_assert_int_eq(parser_list(p, &l, (struct span){ der, len }, by), E_OK);
	ck_assert_uint_eq(l.n, 2);
	ck_assert(pki_list_names(&l, revoked[0].number) && pki_list_names(&l, revoked[1].number));
	pki_list_free(&l);
}
END_TEST

START_TEST(the_blind_twin_takes_another_key)
{
	struct cert c;

	with_point(&terminal, point, other_point);
	liar(&parser);
	ck_assert_int_eq(read_terminal(&c), E_PARSER);
	blind = true;
	liar(&parser);
	ck_assert_int_eq(read_terminal(&c), E_OK);
	ck_assert_mem_eq(c.point, other_point, sizeof c.point);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("parser");
	TCase *t = tcase_create("parser");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, it_answers_as_the_functions_behind_it);
	tcase_add_test(t, it_reads_a_list_of_any_length);
	tcase_add_test(t, it_is_asked_about_nothing_too_long);
	tcase_add_test(t, a_dead_one_costs_no_question);
	tcase_add_test(t, one_that_talks_unasked_is_ended);
	tcase_add_test(t, no_answer_makes_a_wrong_certificate_good);
	tcase_add_test(t, whatever_becomes_of_it_nothing_is_made);
	tcase_add_test(t, no_byte_that_the_ca_signed_may_be_another);
	tcase_add_test(t, what_the_ca_signed_counts_as_what_it_is);
	tcase_add_test(t, a_liar_cannot_change_a_list);
	tcase_add_test(t, the_blind_twin_takes_another_key);
	return s;
}

int main(void)
{
	return test_main(suite());
}
