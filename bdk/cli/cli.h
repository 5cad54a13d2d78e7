/*
 * bdk, the people's tool: what its commands share. It speaks to bdkd's people.sock, reads and writes files for people,
 * and holds no secret.
 */
#ifndef KEYROOM_BDK_CLI_CLI_H
#define KEYROOM_BDK_CLI_CLI_H

#include "bdk/client.h"
#include "crypto/p256.h"

#include <stdio.h>

/* The values of all options, NULL where not given; --room starts as $KEYROOM_ROOM. */
struct cli {
	const char *room, *purpose, *name, *test, *json, *role, *anchors, *crl, *scheme, *recipient, *id, *range, *out,
		*port, *serial, *digest_file, *reason, *token, *token_arguments, *module_folder, *pin_file, *raise, *key_set,
		*since, *csv, *head, *key, *all, *uid, *refuse, *records, *slot, *join, *card, *custodians, *threshold, *so_threshold,
		*components, *kbpk, *mailer, *bag, *accept_software, *under, *algorithm, *exportability, *change, *withdraw, *check_value, *count, *elsewhere, *again, *next, *mark, *from, *until, *history,
		*medium, *part, *holds, *keeper, *to, *place;
};
extern struct cli cli;

/* Commands: each returns the program's exit status. */
typedef int cli_command(int operands, char **operand);
cli_command cli_unlock, cli_lock, cli_custodians, cli_entrust;
cli_command cli_init, cli_restore, cli_info, cli_list, cli_devices, cli_audit, cli_ceremony, cli_digest, cli_probe;
cli_command cli_request, cli_certify, cli_anchors, cli_install, cli_crl, cli_disown, cli_epoch;
cli_command cli_generate, cli_package, cli_import;
cli_command cli_activate, cli_suspend, cli_deactivate, cli_set_period, cli_compromise, cli_below, cli_destroy, cli_destroyed;
cli_command cli_kbpk;
cli_command cli_handover, cli_import_pack, cli_verify;
cli_command cli_enter, cli_component;
cli_command cli_lease, cli_accept, cli_leases, cli_manifest, cli_chain, cli_backup;
cli_command cli_bag, cli_lead;
cli_command cli_expect, cli_enrol, cli_revoke;
cli_command cli_people, cli_appoint, cli_dismiss, cli_passphrase, cli_approve, cli_session;

/* --- Talking to bdkd (talk.c) ------------------------------------------------------------------------------------- */

/* cli_open - connect to --room. False, having said why in one line; the exit status is in *status. */
bool cli_open(struct client *c, int *status);

/* What bdk lead does otherwise than a command that is run alone: cli_kept - the connection that commands share, so that a passphrase
 * is typed once; NULL: each has its own. cli_await - waits until a second person has agreed: c->fields are those of a row of
 * OP_PENDING; the result of OP_AWAIT. */
extern struct client *cli_kept;
extern enum err (*cli_await)(struct client *c);

/* cli_ask - a call; false, having said why: WHAT is what the line begins with. A room that goes by its people asks for
 * the passphrase here, and here it waits for the second person. */
bool cli_ask(struct client *c, const struct record *request, int *status, const char *what);

/* cli_login - the passphrase of whoever types, or the signature of that person's card over the request that comes next; false,
 * having said why */
bool cli_login(struct client *c, const struct record *next, int *status);

/* cli_card_sign - by the card that KEYROOM_CARD names (card.c); false, having said why */
bool cli_card_sign(uint8_t sig[static P256_SIG], const uint8_t digest[static 32], int *status);

/* cli_show_act - what a second person has to agree to: a row of OP_PENDING */
void cli_show_act(FILE *out, struct span act);

/* cli_digits - a digest as people type it: hex digits in as many words, with blanks wherever they like them. False: fewer than 8,
 * or it is none */
#define CLI_DIGEST 32
bool cli_digits(char out[static 2 * CLI_DIGEST + 1], int words, char **word);

/* cli_put_part - --part K/N, if it was given, into a request (media.c); false, having said why */
bool cli_put_part(struct record *r, int *status);

/* cli_put - bring what is longer than a record to bdkd, for the next op; false, having said why */
bool cli_put(struct client *c, struct span bytes, int *status, const char *what);

/* cli_fetch - what the last op left: at most size bytes to out; false, having said why */
bool cli_fetch(struct client *c, uint8_t *out, size_t *len, size_t size, int *status, const char *what);

/* cli_fail - one line about a refusal: bdkd's sentence if it gave one. Returns the exit status. */
int cli_fail(const struct client *c, enum err e, const char *what);

/* cli_period - --from and --until into a request; false, having said why (state.c) */
bool cli_period(struct record *r, int *status);

/* cli_records_key - the public records key in the file of --key; false, having said why (audit.c) */
bool cli_records_key(uint8_t point[static P256_POINT], int *status);

/* --- Key sets (keys.c, kbpk.c) ------------------------------------------------------------------------------------ */

/* cli_next_lease - what the ca room has to be asked for a new key set, on standard error, which nobody's script reads */
void cli_next_lease(const char *id, const char *kcv);

/* cli_generate_block, cli_import_block - generate and import with --under. Return the exit status. */
int cli_generate_block(void);
int cli_import_block(const char *path);

/* --- Tables (table.c) --------------------------------------------------------------------------------------------- */

enum cell { CELL_TEXT, CELL_NUMBER, CELL_TIME, CELL_HEX };

struct column {
	const char *title;	/* "KEY SET" above a table, NULL: in JSON alone */
	const char *key;	/* "key_set" in JSON */
	uint16_t tag;
	enum cell cell;
};

/*
 * cli_table - ask for a whole list, piece by piece, and print its rows: aligned for people, or a JSON array
 *
 * Below a table stands what every report of a production room on a software token says. Returns the exit status.
 */
int cli_table(uint16_t op, const struct column *columns, size_t n);
/* cli_table_of - and what is asked is of this key set */
int cli_table_of(uint16_t op, const char *key_set, const struct column *columns, size_t n);

/* cli_time - RFC 3339, UTC; "-" for what is no time */
#define CLI_TIME 40
void cli_time(char out[static CLI_TIME], uint64_t utc);

/* --- Files (file.c) ----------------------------------------------------------------------------------------------- */

/* cli_read - a whole file, "-" for standard input; false, having said why */
bool cli_read(uint8_t *out, size_t *len, size_t size, const char *path, int *status);

/* cli_reserve - the file that a key goes to has to be ours, and have room for it, before the key is made; false, having said why.
 * cli_fill - and there it goes. hint: what to do where it does not */
bool cli_reserve(const char *path, int *status);
bool cli_fill(const char *path, struct span bytes, const char *hint, int *status);

/* cli_pem_out - DER as PEM on standard output, with a comment line before it unless that is NULL */
int cli_pem_out(const char *type, struct span der, const char *comment);

/* cli_pem_in - n blocks of this type from a file, which holds no more of them; false, having said why. Each der[i].p
 * points into out. */
bool cli_pem_in(struct span der[], size_t n, uint8_t *out, size_t size, const char *type, const char *path,
		int *status);

#endif
