/*
 * Results: every function that can fail returns one of these, and nothing else.
 *
 * The numbers are wire format: ABORT and RECEIPT of PROTOCOL.md and the records of bdk/record.h carry them, so a number
 * is never given a second meaning. err_table (err.c) is the one place where a result gets its name, its sentence, its
 * exit status and what a person can do about it.
 */
#ifndef KEYROOM_BASE_ERR_H
#define KEYROOM_BASE_ERR_H

#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

enum err {
	E_OK = 0,
	/* bytes and text */
	E_SHORT = 1,		/* the input ends early: read on, or drop it if there is no more */
	E_FORMAT = 2,		/* the input breaks its format */
	E_RANGE = 3,		/* a value is outside what is allowed */
	E_SPACE = 4,		/* the caller's buffer is too small */
	E_USAGE = 5,		/* wrong words on a command line */
	/* keys and algorithms */
	E_SCHEME = 10,		/* no such scheme, or not for this key */
	E_STRENGTH = 11,	/* a key stronger than what would protect it */
	E_COUNTER = 12,		/* a transaction counter that no terminal reaches */
	E_EXHAUSTED = 13,	/* all transaction keys of this initial key are used */
	E_KEY = 14,		/* not a key: wrong length, zero, or out of the group's order */
	E_POINT = 15,		/* not a point on the curve */
	E_UNWRAP = 16,		/* key wrap integrity check failed */
	E_CRYPTO = 17,		/* the cryptographic library failed */
	E_RANDOM = 18,		/* no good random bytes */
	E_PIN_BLOCK = 19,	/* PIN block not well-formed: the one answer for every reason */
	E_MAC = 20,		/* MAC wrong */
	E_PUBLISHED = 21,	/* a test key that everybody knows */
	/* protocol */
	E_VERSION = 30,		/* protocol version or suite not spoken here */
	E_ENVIRONMENT = 31,	/* the other side belongs to another environment */
	E_CERTIFICATE = 32,	/* certificate not issued by the CA that counts here */
	E_EXPIRED = 33,		/* certificate or list outside its dates */
	E_REVOKED = 34,		/* certificate revoked */
	E_SIGNATURE = 35,	/* signature wrong */
	E_EPOCH = 36,		/* KIF epoch lower than one already seen */
	E_REPLAY = 37,		/* nonce, point or KSN seen before */
	E_SEQUENCE = 38,	/* message not expected in this state */
	E_DUPLICATE = 39,	/* serial or identity key already certified to another */
	E_QUARANTINED = 40,	/* serial or identity key is quarantined */
	E_ROLLBACK = 41,	/* the terminal's load count went backwards */
	E_SERIAL = 42,		/* another terminal than the one expected */
	E_DIGEST = 43,		/* the digest a person read is not the one received */
	E_LENGTH = 44,		/* a message longer than its receiver takes */
	/* terminal */
	E_BLANK = 50,		/* not enrolled yet */
	E_LOADED = 51,		/* the slot holds a key */
	E_EMPTY = 52,		/* the slot holds no key */
	E_SLOT = 53,		/* no such slot */
	E_TAMPERED = 54,	/* tampered: wiped */
	E_STORE = 55,		/* non-volatile memory failed */
	E_ENROLLED = 56,	/* enrolled already */
	E_WINDOW = 57,		/* loading window closed */
	/* room */
	E_ROOM = 70,		/* not a room, or it is damaged */
	E_ROOM_VERSION = 71,	/* written by a newer version */
	E_ROOM_BUSY = 72,	/* another bdkd serves this room */
	E_ROOM_PURPOSE = 73,	/* this room is not for that */
	E_JOURNAL = 74,		/* journal could not be written or read */
	E_TOKEN = 75,		/* PKCS#11 token failed or refused */
	E_DENIED = 76,		/* not permitted for this role or state */
	E_KEY_SET = 77,		/* no such key set */
	E_KEY_SET_FULL = 78,	/* every device id of the key set is used */
	E_KEY_SET_STATE = 79,	/* the key set's state does not permit it */
	E_UNKNOWN_DEVICE = 80,	/* no such terminal */
	E_EXISTS = 81,		/* is there already */
	E_UNREACHABLE = 82,	/* bdkd does not answer */
	E_NOT_READY = 83,	/* certificates or anchors are not installed yet */
	E_INTERNAL = 84,	/* a bug: please report */
	E_PASSPHRASE = 85,	/* passphrase wrong, or not for this record: never said which */
	E_SEALED = 86,		/* a production room that no m custodians have unlocked */
	E_PARSER = 87,		/* the process that reads certificates failed */
	E_LOCKED = 88,		/* loading is locked: journal and marks do not agree */
	E_LEASE = 89,		/* no lease of device ids in force */
	E_KBPK = 105,		/* no such KBPK, or its state or mode does not permit it */
	/* line */
	E_PORT = 90,		/* no such port, or it cannot be opened */
	E_BAUD = 91,		/* the port does not run at this speed */
	E_TIMEOUT = 92,		/* nothing answers */
	E_GONE = 93,		/* the port vanished */
	E_IO = 94,		/* reading or writing a file failed */
	/* tamper-evident bags */
	E_BAG = 110,		/* no bag of that number */
	E_BAG_STATE = 111,	/* not with this bag, as it is */
	E_MEDIA = 112,		/* media without a disposition */
	/* people of a room */
	E_PERSON = 100,		/* no such person in this room */
	E_LOGIN = 101,		/* whoever asks has to give a passphrase first */
	E_SECOND = 102,		/* it waits for a second person */
	E_LAPSED = 103,		/* no second person agreed */
	E_CEREMONY = 104	/* no ceremony is open, or was closed */
};

/* err_name - "E_SHORT"; for a number without a name "E_UNKNOWN". Never NULL. */
const char *err_name(enum err e);

/* err_text - one short sentence without a full stop, for people. Never NULL. */
const char *err_text(enum err e);

/* err_hint - what to do about it, or "" where nothing general can be said. Never NULL. */
const char *err_hint(enum err e);

/* err_exit - the exit status after sysexits.h; 0 for E_OK */
int err_exit(enum err e);

#endif
