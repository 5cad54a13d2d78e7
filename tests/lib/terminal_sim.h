/*
 * A terminal on simulated hardware, and the hosts it talks to, with keys and certificates made here. Shared by the
 * tests of terminal/. Everything is deterministic: the noise source is a counter under SHA-256, the clock stands until
 * it is moved.
 */
#ifndef KEYROOM_TESTS_LIB_TERMINAL_SIM_H
#define KEYROOM_TESTS_LIB_TERMINAL_SIM_H

#include "terminal/krd.h"
#include "terminal/trade.h"

#define SIM_NV 16384
#define SIM_WORDS 8192
#define SIM_UTC UINT64_C(1790000000) /* "now": 2026-09-21 */

struct sim_word {
	uint32_t at;
	uint8_t b[4];
};

enum sim_noise { NOISE_GOOD, NOISE_FAILS, NOISE_STUCK, NOISE_REPEATS, NOISE_BIASED };

struct sim {
	struct port port;
	struct store store;
	struct random random;
	struct krd krd;
	struct trade trade;

	uint8_t nv[SIM_NV];
	long budget;   /* words that can still be written before the power goes; -1: any number */
	long written;  /* words written since sim_boot() */
	size_t logged; /* words in the log since it was set to 0 */
	struct sim_word log[SIM_WORDS];

	uint32_t entropy_count; /* the noise source's state */
	enum sim_noise noise;
	bool loading;                     /* the loading key is pressed: from the factory on, yes */
	uint32_t now;                     /* tick */
	char shown[16][DISPLAY_LINE + 1]; /* last lines of the display, newest first */
};

/* sim_factory - a terminal fresh from the factory, without power */
void sim_factory(struct sim *s, const char *serial);

/* sim_boot - power on with the memory as it is; if the loading key is pressed, the window opens. As store_open() */
MUST_USE enum err sim_boot(struct sim *s);

/* sim_registers - what a slot has in the memory. Only between drafts */
struct dukpt_registers sim_registers(struct store *s, unsigned slot);

/* sim_set_registers - put them there, and the slot's state */
void sim_set_registers(struct store *s, unsigned slot, const struct dukpt_registers *r, enum slot_state state);

/* sim_ask - send one message of the loading link. Returns the reply's type (0 for an empty one); what follows the type
 * is in sim_reply */
unsigned sim_ask(struct sim *s, unsigned type, struct span message);
extern uint8_t sim_reply[LINK_PAYLOAD];
extern size_t sim_reply_len; /* of the message, without its type */

/* sim_abort - was the last reply an ABORT for this reason? */
bool sim_abort(enum err reason);

/* A host: the ca room in enrolment, the KDH in loading. */
struct sim_host {
	struct key ca; /* device CA */
	struct key kif_ca, kdh;
	uint64_t utc;       /* said in HELLO */
	const char *config; /* said in CERT: a test room's */
	uint8_t anchor[CERT_MAX], kdh_cert[CERT_MAX];
	size_t anchor_len, kdh_cert_len;
	uint8_t environment[32]; /* of kif_ca */
	uint8_t root[32];        /* of ca */
	/* of the session */
	struct transcript t;
	uint32_t sessions;
	uint8_t device[P256_POINT]; /* the terminal's identity, from its CSR */
	uint8_t device_cert[CERT_MAX];
	size_t device_cert_len;
	uint8_t ephemeral[P256_POINT]; /* of OFFER */
	struct msg_offer offer;        /* its spans point into the last reply */
	struct key own;                /* the host's ephemeral */
};

/* sim_host - a host of environment n (1: the one terminals of sim_factory() belong to), KDH certificate of this epoch,
 * valid for 30 days around SIM_UTC */
void sim_host(struct sim_host *h, unsigned environment, uint32_t epoch);

/* sim_kdh_certificate - another certificate for the KDH: epoch (0: no OU), valid from..to */
void sim_kdh_certificate(struct sim_host *h, uint32_t epoch, uint64_t from, uint64_t to);

/* Messages, each in its session; they return the length. */
size_t sim_identify(struct sim_host *h, uint8_t out[static MSG_MAX]);
size_t sim_cert(struct sim_host *h, uint8_t out[static MSG_MAX], const char *serial);
size_t sim_hello(struct sim_host *h, uint8_t out[static MSG_MAX]);

/* What a KEY says; sim_key_of() gives one that is right */
struct sim_key {
	uint8_t slot, scheme;
	char usage[3];
	struct ksn ksn;
	struct key ik;
	uint8_t environment[32];
};
struct sim_key sim_key_of(const struct sim_host *h, uint8_t slot, enum dukpt_scheme scheme, const char *ksn);
size_t sim_key(struct sim_host *h, uint8_t out[static MSG_MAX], const struct sim_key *k);
size_t sim_zeroize(struct sim_host *h, uint8_t out[static MSG_MAX], uint8_t slot);

/* sim_csr, sim_offer - take in the last reply, verified. False if it is not what it should be */
bool sim_csr(struct sim_host *h);
bool sim_offer(struct sim_host *h);

/* sim_receipt - is the last reply a RECEIPT, signed over what h->t now holds? m's spans point into it */
bool sim_receipt(struct msg_receipt *m, const struct sim_host *h);

/* Whole sessions; false if any step fails */
bool sim_enrol(struct sim *s, struct sim_host *h);
bool sim_greet(struct sim *s, struct sim_host *h);
bool sim_load(struct sim *s, struct sim_host *h, const struct sim_key *k);

/* A terminal that is enrolled and holds the published initial keys: slot 0 TDES, slot 1 AES-128 */
void sim_loaded(struct sim *s, struct sim_host *h);

#define SIM_CONFIG "environment = test\n" /* a production room's configuration */
#define SIM_KSN_TDES "FFFF9876543210E00000"
#define SIM_KSN_AES "123456789012345600000000"

#endif
