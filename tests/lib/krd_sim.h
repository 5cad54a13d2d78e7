/*
 * A terminal's end of enrolment and loading in software, for the tests of the rooms: honest as it stands, and as
 * hostile as a test makes it by changing what it is about to sign.
 */
#ifndef KEYROOM_TESTS_LIB_KRD_SIM_H
#define KEYROOM_TESTS_LIB_KRD_SIM_H

#include "protocol/transcript.h"
#include "tests/lib/room_sim.h"

#define KRD_SIM_SLOTS 2

struct krd_sim {
	char serial[CERT_TEXT];
	struct key identity;
	uint8_t point[P256_POINT];
	struct der cert;
	uint32_t load_count;
	struct krd_sim_slot {
		uint8_t state, scheme;
		struct ksn ksn;
		struct kcv kcv;
		uint8_t key_hash[32];
		uint32_t load_count;	/* with this load */
		struct key ik;
	} slot[KRD_SIM_SLOTS];
	/* the session */
	struct transcript t;
	struct key ephemeral;
	struct msg_offer offer;		/* about to be signed; spans point into this struct */
	struct msg_csr csr;
	struct msg_receipt receipt;
	struct kcv was;			/* what ZEROIZE took away */
};

/* krd_sim_make - a terminal with a new identity key, without a certificate */
void krd_sim_make(struct krd_sim *k, struct room_sim *s, const char *serial);

/* krd_sim_enrolled - and with one below the device CA, in force for a year */
void krd_sim_enrolled(struct krd_sim *k, struct room_sim *s, const char *serial);

/* krd_sim_hello - take a HELLO in and prepare k->offer from the slots as they are */
void krd_sim_hello(struct krd_sim *k, struct room_sim *s, struct span hello);

/* krd_sim_offer - sign k->offer. Returns the length */
size_t krd_sim_offer(struct krd_sim *k, uint8_t out[static MSG_MAX]);

/* krd_sim_key - verify a KEY under the load room's identity, unwrap it and load it. False if anything about it is
 * wrong */
bool krd_sim_key(struct krd_sim *k, struct room_sim *s, struct span key);

/* krd_sim_receipt - prepare k->receipt for a slot, and sign it over what it accepted last. Returns the length */
void krd_sim_receipt_of(struct krd_sim *k, uint8_t slot);
size_t krd_sim_receipt(struct krd_sim *k, uint8_t out[static MSG_MAX]);

/* krd_sim_obey - verify a ZEROIZE under the load room's identity, empty what it names and prepare k->receipt. False if
 * anything about it is wrong */
bool krd_sim_obey(struct krd_sim *k, struct room_sim *s, struct span zeroize);

/* krd_sim_zeroize - empty a slot; what it last held stays known */
void krd_sim_zeroize(struct krd_sim *k, uint8_t slot);

/* Enrolment: take IDENTIFY in and prepare k->csr; sign it; take CERT in (false if anything is wrong); answer DONE. */
void krd_sim_identify(struct krd_sim *k, struct room_sim *s, struct span identify);
size_t krd_sim_csr(struct krd_sim *k, uint8_t out[static MSG_MAX]);
bool krd_sim_cert(struct krd_sim *k, struct room_sim *s, struct span cert);
size_t krd_sim_done(struct krd_sim *k, uint8_t out[static MSG_MAX], const uint8_t cert_digest[static 32]);

#endif
