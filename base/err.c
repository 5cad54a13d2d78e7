#include "base/err.h"

#include <stddef.h>

/* The statuses of sysexits.h, by number: this file is freestanding. */
enum {
	USAGE = 64, DATAERR = 65, NOINPUT = 66, UNAVAILABLE = 69, SOFTWARE = 70, CANTCREAT = 73, IOERR = 74, TEMPFAIL = 75,
	PROTOCOL = 76, NOPERM = 77, CONFIG = 78
};

/* A freestanding build, a terminal's, has the sentences alone: nothing else is ever asked there, and the rest is 4 KiB. */
static const struct row {
	const char *text;
	uint8_t code;
#if __STDC_HOSTED__
	uint8_t exit;
	const char *name, *hint;
#endif
} err_table[] = {
	/* clang-format off */
#if __STDC_HOSTED__
#define ROW(e, x, t, h) { t, (uint8_t)(e), (uint8_t)(x), #e, h }
#else
#define ROW(e, x, t, h) { t, (uint8_t)(e) }
#endif
	ROW(E_OK, 0, "ok", ""),
	ROW(E_SHORT, DATAERR, "the input ends early", "send it whole"),
	ROW(E_FORMAT, DATAERR, "the input breaks its format", "compare it with the format in the manual"),
	ROW(E_RANGE, DATAERR, "a value is out of range", ""),
	ROW(E_SPACE, SOFTWARE, "a buffer is too small", "please report this"),
	ROW(E_USAGE, USAGE, "wrong words on the command line", "--help tells them"),
	ROW(E_SCHEME, DATAERR, "no such scheme, or not for this key", ""),
	ROW(E_STRENGTH, DATAERR, "the key is stronger than what would protect it", "take a weaker key, or a stronger KBPK; suite 1 takes at most 128 bits"),
	ROW(E_COUNTER, DATAERR, "a transaction counter that no terminal reaches", "check the KSN as received"),
	ROW(E_EXHAUSTED, UNAVAILABLE, "all transaction keys are used", "load a new initial key"),
	ROW(E_KEY, DATAERR, "not a valid key", ""),
	ROW(E_POINT, PROTOCOL, "not a point on the curve", ""),
	ROW(E_UNWRAP, PROTOCOL, "the wrapped key fails its integrity check", "load again; if it stays, inspect the line"),
	ROW(E_CRYPTO, SOFTWARE, "the cryptographic library failed", "please report this"),
	ROW(E_RANDOM, UNAVAILABLE, "no good random bytes", "check the entropy source"),
	ROW(E_PIN_BLOCK, DATAERR, "PIN block not well-formed", ""),
	ROW(E_MAC, DATAERR, "MAC wrong", ""),
	ROW(E_PUBLISHED, NOPERM, "a published test key", "make a new key: everybody knows this one"),
	ROW(E_VERSION, PROTOCOL, "the other side speaks another version or suite", "update the older side"),
	ROW(E_ENVIRONMENT, NOPERM, "the other side belongs to another environment", "use the room this terminal was enrolled for"),
	ROW(E_CERTIFICATE, NOPERM, "certificate not issued by the CA that counts here", "enrol the terminal in this environment's ca room"),
	ROW(E_EXPIRED, NOPERM, "certificate or list outside its dates", "check the clock, then renew what has ended"),
	ROW(E_REVOKED, NOPERM, "certificate revoked", "set the device aside; ask the ca room why"),
	ROW(E_SIGNATURE, PROTOCOL, "signature wrong", "set the device aside if it stays"),
	ROW(E_EPOCH, NOPERM, "KIF epoch lower than the one that counts now", "get a certificate of the new epoch from the ca room"),
	ROW(E_REPLAY, PROTOCOL, "a nonce, point or KSN was seen before", ""),
	ROW(E_SEQUENCE, PROTOCOL, "message not expected in this state", "begin again"),
	ROW(E_DUPLICATE, NOPERM, "serial or identity key already certified to another", "find out which of the two is real"),
	ROW(E_QUARANTINED, NOPERM, "serial or identity key is quarantined", "find out why before using this device"),
	ROW(E_ROLLBACK, NOPERM, "the terminal's load count went backwards", "its memory was put back: set the device aside"),
	ROW(E_SERIAL, DATAERR, "another terminal than the one expected", "check which device is on this port"),
	ROW(E_DIGEST, NOPERM, "the digest read from the display is not the one received", "do not use this line; read the display again"),
	ROW(E_LENGTH, PROTOCOL, "the message is longer than its receiver takes", "is one side's version newer?"),
	ROW(E_BLANK, UNAVAILABLE, "the terminal is not enrolled", "enrol it first: bdk enrol"),
	ROW(E_LOADED, NOPERM, "the slot holds a key already", "choose another slot, or zeroize this one first"),
	ROW(E_EMPTY, UNAVAILABLE, "the slot holds no key", "load it first: kif inject"),
	ROW(E_SLOT, DATAERR, "no such slot", ""),
	ROW(E_TAMPERED, UNAVAILABLE, "the terminal is tampered and wiped", "set the device aside"),
	ROW(E_STORE, IOERR, "the terminal's memory failed", "set the device aside"),
	ROW(E_ENROLLED, NOPERM, "the terminal is enrolled already", "a terminal takes one enrolment in its life"),
	ROW(E_WINDOW, TEMPFAIL, "the terminal's loading window is closed", "press the terminal's loading key, then run the same command again"),
	ROW(E_ROOM, CONFIG, "not a room, or a damaged one", "check the folder; bdk init makes a new room"),
	ROW(E_ROOM_VERSION, CONFIG, "the room was written by a newer version", "use that version"),
	ROW(E_ROOM_BUSY, TEMPFAIL, "another bdkd serves this room", "use that one, or stop it first"),
	ROW(E_ROOM_PURPOSE, USAGE, "this room is not for that", "name the room whose purpose it is"),
	ROW(E_JOURNAL, IOERR, "the journal could not be written or read", "check disk space and rights; nothing was issued"),
	ROW(E_TOKEN, UNAVAILABLE, "the token failed or refused", "check the token named in room.conf"),
	ROW(E_DENIED, NOPERM, "not permitted for this role or state", ""),
	ROW(E_KEY_SET, DATAERR, "no such key set in this room", "bdk list shows the key sets"),
	ROW(E_KEY_SET_FULL, UNAVAILABLE, "no device id is left", "bdk leases shows what is"),
	ROW(E_KEY_SET_STATE, NOPERM, "the key set's state does not permit it", "bdk list shows the states"),
	ROW(E_UNKNOWN_DEVICE, DATAERR, "no such terminal", "check the serial"),
	ROW(E_EXISTS, CANTCREAT, "it exists already", "choose another name"),
	ROW(E_UNREACHABLE, UNAVAILABLE, "bdkd does not answer", "start it: bdkd --room DIR"),
	ROW(E_NOT_READY, CONFIG, "the room has no certificates yet", "give it its certificate and its revocation list: bdk(1) shows how"),
	ROW(E_INTERNAL, SOFTWARE, "internal error", "please report this"),
	ROW(E_PASSPHRASE, NOPERM, "the passphrase is wrong, or not for this", "type it again"),
	ROW(E_SEALED, TEMPFAIL, "the room is locked", "its custodians unlock it, each from an own login: bdk unlock"),
	ROW(E_PARSER, UNAVAILABLE, "the process that reads certificates failed", "try again; if it stays, set aside what it was reading"),
	ROW(E_KBPK, NOPERM, "no such KBPK, or not to be used for this", "bdk kbpk list shows them, their modes and states"),
	ROW(E_LEASE, CONFIG, "no lease of device ids in force", "bdk leases shows them"),
	ROW(E_LOCKED, NOPERM, "loading is locked: the journal and its marks do not agree", "put the right one back; else bdk restore, and a lease of a newer epoch"),
	ROW(E_PORT, NOINPUT, "the port cannot be opened", "check the name, the cable and the rights"),
	ROW(E_BAUD, USAGE, "the port does not run at this speed", "name a speed that the port has, such as 115200"),
	ROW(E_TIMEOUT, UNAVAILABLE, "nothing answers", "check cable, power and that the loading window is open"),
	ROW(E_GONE, IOERR, "the port vanished", "check the cable, then run the same command again"),
	ROW(E_IO, IOERR, "reading or writing failed", ""),
	ROW(E_BAG, DATAERR, "no bag of that number", "bdk bag list shows those that were recorded"),
	ROW(E_BAG_STATE, DATAERR, "that cannot be done with this bag", "bdk bag list shows what became of it"),
	ROW(E_MEDIA, DATAERR, "media of the ceremony have no disposition", "bdk bag move NUMBER says what became of each"),
	ROW(E_PERSON, NOPERM, "no such person in this room", "bdk people shows who there is"),
	ROW(E_LOGIN, NOPERM, "only with a passphrase", "run it in bdk, at a terminal"),
	ROW(E_SECOND, TEMPFAIL, "a second person has to agree", "bdk approve, in an own login"),
	ROW(E_LAPSED, TEMPFAIL, "no second person agreed: nothing was done", "run the same command again once the second person is there"),
	ROW(E_CEREMONY, DATAERR, "no ceremony is open", "open one: bdk ceremony open TITLE"),
#undef ROW
	/* clang-format on */
};

static const struct row *find(enum err e)
{
	for (size_t i = 0; i < sizeof err_table / sizeof err_table[0]; i++)
		if (err_table[i].code == (unsigned)e)
			return &err_table[i];
	return NULL;
}

const char *err_text(enum err e)
{
	const struct row *r = find(e);

	return r ? r->text : "unknown result";
}

#if __STDC_HOSTED__
const char *err_name(enum err e)
{
	const struct row *r = find(e);

	return r ? r->name : "E_UNKNOWN";
}

const char *err_hint(enum err e)
{
	const struct row *r = find(e);

	return r ? r->hint : "";
}

int err_exit(enum err e)
{
	const struct row *r = find(e);

	return r ? r->exit : SOFTWARE;
}
#endif
