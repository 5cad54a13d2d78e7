/*
 * The acquirer room's work: from a KSN to a clear PIN, a MAC verdict, or clear data. Initial keys are derived in the
 * token and kept for a while per device in this process's locked memory.
 *
 * Clear PINs leave only in a test room (E_DENIED elsewhere, by no switch). Impossible counters, unknown key sets
 * and what is revoked are refused before anything is derived; every bad PIN block gives E_PIN_BLOCK.
 */
#ifndef KEYROOM_BDK_RECOVER_H
#define KEYROOM_BDK_RECOVER_H

#include "bdk/room.h"
#include "dukpt/pinblock.h"

#define RECOVER_DATA 4096
#define RECOVER_CACHE 256	/* initial keys kept, oldest out first */

struct recover {		/* zero it to begin; recover_end() wipes it */
	struct {
		struct ksn iksn;
		enum dukpt_scheme scheme;
		struct key ik;
		uint64_t used;
	} cache[RECOVER_CACHE];
	uint64_t clock;
};

#define RECOVER_WHY 160

/* recover_begin - find the key set of a KSN and have its initial key at hand.
 * E_OK, E_KEY_SET, E_KEY_SET_STATE, E_COUNTER, E_REVOKED (why says what: the KIF that its key set came from, or this KSN
 * or its terminal, as far as hand-over packs named them), E_TOKEN, E_JOURNAL. A KSN that no pack named is nobody's: it is
 * recovered. The revocation list counts also when its end has passed: payments do not stop for it. */
MUST_USE enum err recover_begin(struct recover *v, struct key_set *set, struct room *r, const struct ksn *k,
				char why[static RECOVER_WHY]);

/* The functions below need the recover_begin() of the same KSN; without it they give E_SEQUENCE. Outputs are zero on an
 * error. */

/* recover_pin - E_OK, E_DENIED (production), E_PIN_BLOCK, E_FORMAT (format and scheme do not go together, or length) */
MUST_USE enum err recover_pin(struct pin *pin, struct recover *v, struct room *r, const struct ksn *k, int format,
			      struct span block, const struct pan *pan);

/* recover_mac - request MAC of 4..8 (TDES) or 4..16 (AES) leftmost bytes. The verdict may leave any room. E_OK (right),
 * E_MAC (wrong), E_FORMAT */
MUST_USE enum err recover_mac(struct recover *v, const struct ksn *k, struct span mac, struct span data);

/* recover_data - decrypt request data: CBC, zero IV, ISO 9797-1 padding method 2. E_OK, E_DENIED, E_FORMAT */
MUST_USE enum err recover_data(uint8_t out[static RECOVER_DATA], size_t *len, struct recover *v, struct room *r,
			       const struct ksn *k, struct span data);

/* recover_forget - the initial keys of a key set are wiped */
void recover_forget(struct recover *v, const struct key_set_id *set);
void recover_end(struct recover *v);

#endif
