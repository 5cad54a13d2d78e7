/*
 * Three test rooms that trust each other, on real software tokens in a folder of their own, and the software parties
 * that their tests need: a load room's maker of packages whose BDK is known, and an acquirer's reader of them.
 * Whatever cannot be made exits 2 with a line.
 */
#ifndef KEYROOM_TESTS_LIB_ROOM_SIM_H
#define KEYROOM_TESTS_LIB_ROOM_SIM_H

#include "bdk/exchange.h"
#include "bdk/lease.h"
#include "bdk/room.h"

struct room_sim {
	char dir[64];
	struct room ca, load, acquirer;
	unsigned keys;			/* software keys made so far */
};

/* room_sim_make - the rooms "Test", "KIF-1" and "Bank-1", open, certificates and revocation lists installed */
void room_sim_make(struct room_sim *s);
void room_sim_remove(struct room_sim *s);

/* room_sim_reopen - close a room and open it again, as a restart does */
void room_sim_reopen(struct room *r);

/* room_sim_meddle - SQL on a room's journal over a connection of its own */
void room_sim_meddle(const struct room *r, const char *sql);

/* room_sim_digest - of a room's journal */
void room_sim_digest(uint8_t out[static 32], struct room *r);

/* room_sim_key - a software key pair, another one each time */
void room_sim_key(struct room_sim *s, struct key *priv, uint8_t point[static P256_POINT]);

/* room_sim_issue - a certificate below one of the ca room's CAs ("device-ca", "kif-ca", "exchange-ca"), of days from
 * utc */
struct der room_sim_issue(struct room_sim *s, const char *ca, const uint8_t point[static P256_POINT],
			  const struct pki_subject *who, uint64_t utc, unsigned days);

/* room_sim_crl - put a revocation list number 1 of that time in a room, whatever was there; it names one certificate, or
 * none (len 0). room_sim_list - and this epoch, not 1. room_sim_revoke - the one of this number, from now on */
void room_sim_crl(struct room_sim *s, struct room *r, struct span revoked, uint64_t utc, unsigned days);
void room_sim_list(struct room_sim *s, struct room *r, struct span revoked, uint32_t epoch, uint64_t utc, unsigned days);
void room_sim_revoke(struct room_sim *s, struct room *r, const uint8_t number[static 20]);

/* room_sim_lease - device ids from the ca room to the load room, by lease_grant() and lease_accept(). Returns the lease */
struct lease room_sim_lease(struct room_sim *s, const struct key_set_id *set, uint32_t first, uint32_t last);

/* room_sim_generate - exchange_generate() in the load room towards a software exchange key, and the BDK out of its
 * package; with a lease of these device ids */
struct key_set room_sim_generate(struct room_sim *s, struct key *bdk, enum dukpt_scheme scheme, const char *id,
				 uint32_t first, uint32_t last);

/* A package made in software, field by field, so that each may be wrong. */
struct room_sim_package {
	struct key_set_id set;
	struct key bdk, variant;	/* variant: TDES */
	struct kcv kcv;
	struct key kdh;			/* signs it */
	struct der cert;		/* of kdh */
	uint8_t recipient[P256_POINT];	/* wrapped to it */
	uint8_t surplus;		/* bytes too many behind the items */
};

/* room_sim_package - one that is right, from a load room "KIF-2" for the acquirer room */
void room_sim_package(struct room_sim *s, struct room_sim_package *p, enum dukpt_scheme scheme, const char *id,
		      const char *bdk);

/* room_sim_package_bytes - as exchange_generate() would make it. Returns the length. */
size_t room_sim_package_bytes(struct room_sim *s, uint8_t out[static EXCHANGE_MAX], const struct room_sim_package *p);

#endif
