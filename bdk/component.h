/*
 * A key that custodians enter: 2 to 9 components, each by another of them from an own login, each counted once its own check
 * value was confirmed. One entry is under way at a time. When all components are in, the key's check value has to be the one
 * on the paper: whoever began said it, or every one of them who gave a component agrees to it now. Nothing is in the token or
 * the journal before that, and an entry ends with everything wiped: as soon as one of them leaves, by a time limit, by
 * whoever withdraws it, when the check value is another one.
 *
 * Components are in this process's locked memory alone, until a worker puts them together (bdk/clear_key.h): the key itself is
 * never here.
 */
#ifndef KEYROOM_BDK_COMPONENT_H
#define KEYROOM_BDK_COMPONENT_H

#include "bdk/block.h"
#include "bdk/clear_key.h"
#include "bdk/key_set.h"
#include "bdk/share.h"

#include <sys/types.h>

#define COMPONENTS_IDLE 900	/* seconds from one component, or agreement, to the next */
#define COMPONENTS_SECONDS 3600 /* and from the first to the last */
#define COMPONENTS_WHY 160
#define COMPONENT_BAG 16 /* a bag's number, with its NUL: bdk/media.h */

/* What is entered: the BDK of a key set, or a KBPK. */
struct entered {
	struct key_set_id set; /* len 0: a KBPK */
	struct kbpk_id kbpk;
};

/* Who gives one. name "" in a test room without people, where one login may give all. */
struct giver {
	uid_t uid;
	char name[SHARE_NAME];
};

struct component {
	struct key key; /* secret */
	struct giver by;
	char bag[COMPONENT_BAG]; /* that it came in */
	bool agreed; /* to the key's check value */
};

struct components {
	uint64_t number; /* of the entry under way, never another's; 0: none is */
	uint64_t last;	 /* of the newest one, under way or not */
	struct giver by; /* who began it */
	uint64_t opened, used;
	uint8_t hash[32]; /* what all who take part see: components_begin() */
	struct entered what;
	uint8_t n, given;
	struct kcv paper; /* len 0: nobody said */
	struct kcv total; /* len 0: not all are in, or whoever began has said it */
	struct component part[COMPONENTS_MOST];
	char ended[COMPONENTS_WHY]; /* why the one before is not any more; "": its key was taken */
};

/*
 * components_begin
 *
 *   hash   out  in x: SHA-256("components" 00, 32 random bytes, room, what, n, paper): no two entries have one
 *   paper  in   len 0: nobody said
 *
 *   E_OK, E_EXISTS (one is under way), E_RANGE (n), E_RANDOM, E_CRYPTO
 */
MUST_USE enum err components_begin(struct components *x, const char *room, const struct entered *what, unsigned n,
				   const struct kcv *paper, const struct giver *by, uint64_t now);

/* entered_name - the key set's id, or the KBPK's name; entered_kind - "tdes", "3TDEA"; entered_len - bytes of each component;
 * entered_tdes - is it a TDES key? */
#define ENTERED_NAME KBPK_NAME
void entered_name(char out[static ENTERED_NAME], const struct entered *what);
const char *entered_kind(const struct entered *what);
uint8_t entered_len(const struct entered *what);
bool entered_tdes(const struct entered *what);

/* entered_kcv - the check value that a component of it has. E_OK, E_KEY, E_CRYPTO */
MUST_USE enum err entered_kcv(struct kcv *kcv, const struct entered *what, const struct key *component);

/* components_may_give - E_OK, E_EXISTS (this person, or this login, has given one), E_SEQUENCE (all are in) */
MUST_USE enum err components_may_give(const struct components *x, const struct giver *by);

/* components_give - one more, whose check value its giver has confirmed. As components_may_give(), and E_KEY (another length
 * than the key has), E_BAG_STATE (another one came in that bag) */
MUST_USE enum err components_give(struct components *x, const struct key *key, const struct giver *by, const char *bag,
				  uint64_t now);

/* components_agree - one who gave one says that x->total is on the paper. E_OK, E_DENIED (gave none), E_SEQUENCE (not now) */
MUST_USE enum err components_agree(struct components *x, const struct giver *by, uint64_t now);

/* components_whole - are all in, and is nobody to be asked any more? */
bool components_whole(const struct components *x);

/* components_left - seconds until it ends by itself, 0: now; UINT64_MAX: none is under way. *why by which limit */
uint64_t components_left(const struct components *x, uint64_t now, const char **why);

/* components_end - everything that was given is wiped. why "": the key was taken. Fine when none is under way */
void components_end(struct components *x, const char *why);

#endif
