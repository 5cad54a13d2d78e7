/*
 * From the rows of vector files to questions and what their answers have to be. Which command a row belongs to is
 * decided by the fields that it has, never by the file's name:
 *
 *   fields of the row                         question         expected
 *   bdk, iksn or ikid, ik                     derive           ik; the BDK is remembered for that initial KSN
 *   ksn, and txn_key, deriv_key or any key_*  derive           these. valid_counter = no: refused
 *   the same, counter FFFFFFFF                derive, twice    refused; with update_key = yes: these
 *   ksn, enc_pin_block                        pinblock, twice  the block from PIN and PAN; the PIN from the block;
 *                                                              under the row's pin_key where nobody has the BDK
 *   ksn, mac_request or mac_response          mac              these, as long as they are
 *   ksn, enc_request or enc_response          data             these; and the plaintext from each
 *   format, pin_block                         pinblock, twice  the block (format 3: its filler is random, not asked);
 *                                                              the PIN; accept = no, or neither it nor a pin:
 *                                                              refused
 *   key, enc_pin_block                        pinblock, twice  the same
 *   pin_field or pan_field alone              pinblock         these
 *   pin_block_fmt0, pin, pan                  pinblock         that block
 *   tc, valid                                 ksn              valid, next
 *   valid_counters, max_counter               ksn              these, of the family whose counter is that long
 *   key_block, kbpk                           keyblock         key, ks, ik_opt, kcv; outcome = refuse: refused
 *   key, message, mac                         mac              mac, by cipher, algorithm or method; by HMAC where the
 *                                                              row says none
 *   key, plain, cipher                        data, twice      each from the other; TDES where the row names no
 *                                                              algorithm and key, iv or text do not fit AES
 *   message, digest                           primitive        digest (SHA-256)
 *   private, peer, z; private, signature      primitive        z; signature (P-256)
 *   z, label, ctx, kek; kek, key, wrapped     primitive        kek; each from the other
 *   entropy, nonce, second                    primitive        second (HMAC-DRBG)
 *
 * A row "case = inputs" has pin, pan, mac_data_ascii, data_plaintext and data_iv for the rows of its file that follow,
 * the first one also for those before it. A row with a ksn and neither bdk nor ik is asked with the BDK that a row has
 * for this device, of the length that ik_type says: the last one above it in its file, else one of its file, else the
 * only one of the run. A row that none of this fits, or a figure whose data or keys nobody has, is asked of nobody, and
 * reported as such.
 */
#ifndef KEYROOM_LAB_PLAN_H
#define KEYROOM_LAB_PLAN_H

#include "dukpt/ksn.h"
#include "lab/turn.h"

struct check {
	const char *topic;   /* "working keys", "PIN block opened" ... */
	const char *command; /* NULL: nothing to ask; topic says why */
	struct stanza question;
	struct stanza expected; /* fields that the answer has to have */
	bool refused;           /* the answer has to be a refusal */
};

/* called for each check of a row; not E_OK ends the plan with that result */
typedef enum err plan_visit(void *context, const struct check *c, const struct stanza *row);

struct plan {
	struct plan_bdk {
		char device[KSN_TEXT], bdk[65]; /* hexadecimal: KSN without counter, BDK */
	} *known;
	size_t n, own; /* the last own ones are those of the file that is being read, newest last */
	struct stanza inputs, row;
	struct check check;
};

/* plan_learn - take BDKs and inputs out of a file. E_OK, E_FORMAT and E_SPACE (of a stanza; p->row.last is its line),
 * E_INTERNAL (no memory). All zero is a plan that has learnt nothing. */
MUST_USE enum err plan_learn(struct plan *p, FILE *f);

/* plan_run - make and visit every check of a file, from its beginning; f is read twice. As above, or what visit says */
MUST_USE enum err plan_run(struct plan *p, FILE *f, plan_visit *visit, void *context);

/* plan_free - forget what was learnt */
void plan_free(struct plan *p);

#endif
