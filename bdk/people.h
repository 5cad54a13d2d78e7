/*
 * People of a room: a name, a user of the machine, roles, and a passphrase that only the person knows.
 *
 * One name has one uid and one uid one name: the kernel says who sits at the other end of a socket (SO_PEERCRED), and a
 * passphrase that it is not somebody else at that person's login. Nobody else ever has that passphrase: whoever appoints
 * people does not choose it, each person sets it from the own login.
 *
 * A test room does without people until its second custodian is appointed: from then on everything that is asked on
 * people.sock goes by bdk/rule.h. A production room always goes by it.
 */
#ifndef KEYROOM_BDK_PEOPLE_H
#define KEYROOM_BDK_PEOPLE_H

#include "bdk/card.h"
#include "bdk/room.h"

enum person_role { PERSON_CUSTODIAN = 1, PERSON_SUPERVISOR = 2, PERSON_OPERATOR = 4, PERSON_AUDITOR = 8 };
enum { PERSON_ROLES = 4, PERSON_ANY = 15 };

#define PERSON_ROLES_TEXT 48	/* "custodian,supervisor", and a NUL */
#define PEOPLE_WRONG 10		/* passphrases typed wrong in a row, and the person is kept out: appoint anew */
#define PEOPLE_CUSTODIANS 2	/* there are no fewer, once there are so many */

/* people_name - is it a name for a person? 1 to 15 of [a-z0-9-], the first a letter: no two of them look alike */
bool people_name(const char *name);

/* people_roles_parse - "custodian" or "custodian,supervisor". E_OK, E_FORMAT (no such role, or one twice) */
MUST_USE enum err people_roles_parse(unsigned *roles, const char *text);
void people_roles_text(char out[static PERSON_ROLES_TEXT], unsigned roles);

/* people_roles_apart - may one person hold all these? E_OK, E_DENIED (why names two that control each other) */
MUST_USE enum err people_roles_apart(char why[static ROOM_WHY], unsigned roles);

/* people_in_force - does the room go by the rules? E_OK, E_JOURNAL */
MUST_USE enum err people_in_force(bool *yes, const struct room *r);

/*
 * people_appoint
 *
 *   card  in  the point of a card's P-256 key, which signs in the place of a passphrase; NULL: a passphrase
 *
 *   E_OK, E_FORMAT (no name), E_POINT, E_DENIED (roles that control each other; in a production room: root, and custodians,
 *   who come with their shares), E_EXISTS (name or uid), E_JOURNAL
 */
MUST_USE enum err people_appoint(const struct room *r, const char *name, uint32_t uid, unsigned roles, const uint8_t *card,
				 char why[static ROOM_WHY]);

/* people_dismiss - whoever sits at a socket as this person is nobody from then on. E_OK, E_PERSON, E_DENIED (there would
 * be too few custodians; in a production room: a custodian), E_JOURNAL */
MUST_USE enum err people_dismiss(const struct room *r, const char *name, char why[static ROOM_WHY]);

/*
 * people_guess - this person is about to be asked for the passphrase: counted and kept before it is tried, so that nobody wins
 * a guess who stops bdkd in between. people_knows - what it came to, and what has changed in the journal since
 *
 *   p      in/out  as journal_person() gave it; wrong
 *   v      out     what passphrase_verify() is asked
 *   tried  in      as people_guess() left it
 *   e      in      what passphrase_verify() said
 *
 *   people_guess: E_OK, E_DENIED (why: none set yet, or PEOPLE_WRONG wrong ones), E_JOURNAL
 *   people_knows: E_OK, E_PASSPHRASE (another one; nothing that a passphrase can be; not this person's any more), E_JOURNAL,
 *   or e
 */
MUST_USE enum err people_guess(struct passphrase_verifier *v, const struct room *r, struct person *p, char why[static ROOM_WHY]);
MUST_USE enum err people_knows(const struct room *r, struct person *p, const struct person *tried, enum err e);

/*
 * people_card - has this person's card signed the request that comes next?
 *
 *   nonce    in  given to this connection, and to be given never again
 *   request  in  SHA-256 of that request
 *   sig      in  64 bytes
 *
 *   E_OK, E_SIGNATURE (also: it is no signature), E_DENIED (the person has no card), E_CRYPTO
 */
MUST_USE enum err people_card(const struct room *r, const struct person *p, const uint8_t nonce[static CARD_NONCE],
			      const uint8_t request[static 32], struct span sig);

/* people_passphrase - the person's new one. E_OK, E_RANGE (passphrase_fit()'s), E_CRYPTO, E_RANDOM, E_JOURNAL */
MUST_USE enum err people_passphrase(const struct room *r, struct person *p, struct span phrase);

#endif
