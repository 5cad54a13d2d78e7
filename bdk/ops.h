/*
 * The handlers of bdkd's table (bdk/server.c): each takes a request's fields apart, calls the part of bdk/ that does
 * the work, and puts the answer's fields. What they take and give stands in bdk/request.h.
 */
#ifndef KEYROOM_BDK_OPS_H
#define KEYROOM_BDK_OPS_H

#include "bdk/lease.h"
#include "bdk/server.h"

typedef enum err op_handler(struct ask *a);

/* ops_people.c */
op_handler op_info, op_list, op_devices, op_audit, op_digest, op_probe;
op_handler op_request, op_certify, op_anchors, op_install, op_install_crl;
op_handler op_generate, op_package, op_import;
/* ops_state.c */
op_handler op_state, op_period, op_compromise, op_destroy, op_below, op_life, op_destroyed;
/* ops_custody.c */
op_handler op_unlock, op_lock, op_custodians, op_change, op_entrust;
/* ops_shares - once a change of custodians is written down: the shares before a->shares go */
void ops_shares(struct ask *a);
/* ops_unwritten - one of these went well and could not be written down: what was given for it is wiped, and a room that it
 * has unlocked is locked */
void ops_unwritten(struct ask *a, uint16_t op);
/* ops_lease.c */
op_handler op_lease, op_accept, op_leases, op_manifest, op_chain, op_backup;
/* ops_enrol.c */
op_handler op_expect, op_enrol, op_enrol_csr, op_enrol_digest, op_enrol_done, op_revoke, op_crl, op_disown, op_raise;
/* ops_station.c */
op_handler op_open, op_attend, op_session, op_begin, op_offer, op_receipt, op_abort, op_history, op_zeroize, op_wiped;
/* op_key - the second half of an op_offer() that ended with a->later: made and key as kdh_key() takes them */
enum err op_key(struct ask *a, enum err made, struct span key);
/* ops_acquirer.c */
op_handler op_recover;

/* ops_audit.c */
op_handler op_head, op_heads;
/* ops_hand_out - the newest head goes with this answer, if there is one */
void ops_hand_out(struct ask *a);

/* ops_kbpk.c */
op_handler op_kbpk_generate, op_kbpk_import, op_kbpk_list, op_kbpk_compromise, op_kbpk_resume, op_kbpk_destroy;
/* ops_under_kbpk - F_ROW* {F_OBJECT, F_GIVEN}: what came in or went out under it, as much as fits. E_OK, E_JOURNAL */
enum err ops_under_kbpk(struct ask *a, const char *kbpk);
op_handler op_generate_block, op_import_block;

/* ops_ceremony.c */
op_handler op_ceremony, op_record, op_led;

/* ops_media.c */
op_handler op_bag, op_bag_found, op_bag_move, op_bags;
/* What other acts do with media, in their transaction and with a record of the audit for it: ops_bag_made - as media_record();
 * ops_bag_used - as media_use() */
enum err ops_bag_made(struct ask *a, const struct bag *b);
enum err ops_bag_used(struct ask *a, const char *number, const char *holds, unsigned part, unsigned parts);

/* ops_component.c */
op_handler op_enter, op_entering, op_component, op_confirm, op_entered, op_agree, op_withdraw, op_mailer;
/* ops_entered - what op_entered() answers this peer now; false: nothing yet */
bool ops_entered(enum err *e, struct ask *a);
/* ops_entry_written - the end of a request that has changed the entry (a->entry): could it be written down? */
void ops_entry_written(struct ask *a, enum err e);

/* ops_handover.c */
op_handler op_handover, op_import_pack;
/* ops_person.c */
/* op_login_tried - the second half of an op_login() that ended with a->later: what passphrase_verify() said */
enum err op_login_tried(struct ask *a, enum err verdict);
op_handler op_who, op_login, op_passphrase, op_people, op_appoint, op_dismiss;
/* ops_act.c */
op_handler op_pending, op_approve, op_await;
/* ops_bulk.c */
op_handler op_put, op_fetch;
/* ops_take - what this connection has put, which is the caller's to free; len 0 if nothing */
struct bulk ops_take(struct ask *a);
/* ops_leave - what OP_FETCH gets next: b was malloc()ed, and is the connection's from here on. A request that is refused
 * leaves nothing. */
void ops_leave(struct ask *a, struct bulk b);

/* --- What several of them share (ops.c) --------------------------------------------------------------------------- */

/* ops_serial - a field as a terminal's serial. E_OK, E_FORMAT (why says so) */
MUST_USE enum err ops_serial(char serial[static CERT_TEXT], struct ask *a, struct span value);

/* ops_key_set - a field as the id of a key set in this room. E_OK, E_KEY_SET (why says so), E_JOURNAL */
MUST_USE enum err ops_key_set(struct key_set *s, struct ask *a, struct span fields, uint16_t tag);

/* ops_wanted - a key set that is to be made: F_SCHEME and [F_KEY_SET]; without it len is 0. E_OK, E_SCHEME, E_FORMAT (why) */
MUST_USE enum err ops_wanted(struct key_set_id *set, struct ask *a);

/* ops_number - a certificate's number in hex, as openssl(1) prints it: without zeros before it */
#define OPS_NUMBER 41
void ops_number(char text[static OPS_NUMBER], const uint8_t number[static 20]);

/* ops_sum - SHA-256 in hex of lines of text, so that whoever has them can make it again with sha256sum(1). E_OK, E_CRYPTO */
#define OPS_SUM 65
MUST_USE enum err ops_sum(char text[static OPS_SUM], struct span lines);

/* ops_period - F_FROM and F_UNTIL, 0 where one is absent. E_OK, E_FORMAT, E_RANGE (why says so) */
MUST_USE enum err ops_period(struct period *p, struct ask *a);

/* ops_sign - a text with its last line, the signature of the room's records key, to be fetched. E_OK, E_TOKEN, E_INTERNAL */
MUST_USE enum err ops_sign(struct ask *a, const char *text, size_t len);

/* ops_left - F_LEFT, and F_DAYS where there is a basis for it */
void ops_left(struct record *answer, const struct lease_forecast *f);

/* ops_since - F_SINCE, 0 where it is absent. E_OK, E_FORMAT */
MUST_USE enum err ops_since(uint64_t *since, const struct ask *a);

/* ops_full - is there no space for another row in this answer? */
bool ops_full(const struct record *answer);

/* ops_more - what ends a list: F_MORE, and F_SEQUENCE, after which the next piece begins */
void ops_more(struct record *answer, bool more, uint64_t sequence);

/* ops_facts - F_ROW with the facts of a load */
void ops_facts(struct record *answer, const struct load *l);

#endif
