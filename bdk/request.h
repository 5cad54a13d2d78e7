/*
 * What may be asked of bdkd, and what it answers. Every answer repeats the op and carries F_RESULT (enum err); when
 * that is not E_OK also F_WHY, one sentence for people without a full stop, if there is more to say than err_text();
 * and nothing else.
 *
 * A room's sockets, in its folder: people.sock (bdk), station.sock (kif; load room), acquirer.sock (acquirer; acquirer
 * room). The table in bdk/server.c says which op is permitted on which, and in which state of the connection; what it
 * does not permit is answered with E_DENIED (an op that rooms of another purpose have: E_ROOM_PURPOSE), and the
 * connection ends.
 *
 * Lists come in pieces: ask again with F_SINCE = F_SEQUENCE of the answer while F_MORE is 1. Without F_SINCE they begin
 * at the beginning.
 */
#ifndef KEYROOM_BDK_REQUEST_H
#define KEYROOM_BDK_REQUEST_H

#define BULK_MAX 4194304
#define PASSPHRASE_MIN 12 /* bytes of a passphrase that is chosen: bdk asks again, bdkd refuses */
#define PASSPHRASE_MAX 255

enum bdk_op {
	/* people, any room */
	OP_INFO = 1,		/* -> F_PURPOSE, F_NAME, F_TEST_ROOM (1/0), F_ENVIRONMENT and F_ROOT (once
				   known), F_SOFTWARE_TOKEN (1/0), F_EPOCH (ca: now; others: the highest seen, 0: none),
				   F_LIST and F_UNTIL of the installed revocation list, if there is one; F_SEALED (1/0): a
				   locked room does this, OP_AUDIT, and what custodians ask; the rest is E_SEALED; F_LOCKED
				   why no device id is issued, if none is */
	OP_LIST = 2,		/* key sets -> F_ROW* {F_KEY_SET, F_SCHEME, F_STATE, F_KCV, F_TIME, F_CHANGED since
				   when it is in that state, [F_FROM], [F_UNTIL], of its key block [F_UNDER, F_EXPORTABILITY]};
				   in a load room with F_USED device ids issued, F_SKIPPED that a crash left and that are never issued, F_LEFT
				   in leases in force, F_WEEK and F_MONTH loads in the last 7 and 30 days, [F_DAYS that
				   these ids last], [F_FOLLOWER the key set that follows] */
	OP_DEVICES = 3,		/* terminals this room knows -> F_ROW* {F_SERIAL, F_SPKI, F_STATE, F_TIME} */
	OP_AUDIT = 4,		/* F_SINCE -> F_ROW* {F_SEQUENCE, F_TIME, F_WHO, F_WHAT, F_OBJECT, F_REASON, F_HASH};
				   the last row's F_HASH is the head */
	OP_DIGEST = 5,		/* -> F_HASH: SHA-256 over key sets, devices and loads: attempts and audit are not in
				   it */
	OP_PROBE = 6,		/* -> F_PROBE: what the token answered when the room was opened (bdk/probe.h) */
	OP_HEAD = 7,		/* -> F_HEAD: the newest record's, signed and kept */
	OP_HEADS = 17,		/* [F_SINCE] -> F_HEAD*: those that are kept; pieces as of a list */
	/* people: a production room's custodians, each from an own login */
	OP_UNLOCK = 60,		/* F_PASSPHRASE -> F_NAME, F_GIVEN, F_NEEDED, F_SEALED, [F_REASON: what is to be looked
				   after] */
	OP_LOCK = 61,		/* -> : by anybody; every connection ends. Where it is locked already, by a custodian: what was
				   given is forgotten */
	OP_CUSTODIANS = 62,	/* -> F_NEEDED, F_SO_NEEDED, F_SEALED, F_CUSTODIAN and F_NEXT (1/0: is this login one's,
				   or one of the next's), F_ROW* {F_NAME, F_UID, F_STATE}, [F_REASON]. While a change is under way
				   also F_HASH: its digest (custody_change_digest()), F_UID who began it, F_NEXT_NEEDED and
				   F_NEXT_SO_NEEDED */
	OP_CHANGE = 63,		/* F_CUSTODIANS, F_NEEDED, [F_SO_NEEDED], texts as custodians_parse() takes them -> : a
				   change begins; E_EXISTS while somebody else's is under way, or one in which somebody
				   takes part. Without fields: whoever began it withdraws it */
	OP_ENTRUST = 64,	/* F_HASH of the change that was shown, F_PASSPHRASE of one who is a custodian now, F_NEW_PASSPHRASE of one who is next, both of
				   one who stays -> F_GIVEN of F_NEEDED, F_USED of F_LAST have come, F_STATE "waiting"|
				   "changed" */
	/* people: what is longer than a record. The ops below say what they take and leave. */
	OP_PUT = 8,		/* F_PIECE -> : comes behind what this connection has put since an op last took it; at
				   most BULK_MAX bytes in all */
	OP_FETCH = 9,		/* [F_SINCE] -> F_PIECE, F_MORE, F_SEQUENCE: of what the last op left to fetch */
	/* people: identities and anchors */
	OP_REQUEST = 10,	/* load, acquirer: -> F_CSR: PKCS#10 for the room's identity or exchange key, in the
				   room's name */
	OP_CERTIFY = 11,	/* ca: F_ROLE "load"|"acquirer", F_CSR -> F_CERT, F_SPKI, F_NAME of that room */
	OP_ANCHORS = 12,	/* ca: -> F_DEVICE_CA, F_KIF_CA, F_EXCHANGE_CA (DER) */
	OP_INSTALL = 13,	/* load, acquirer: F_CERT, F_DEVICE_CA, F_KIF_CA, F_EXCHANGE_CA -> F_ENVIRONMENT. Again
				   with a new certificate, never with other anchors */
	OP_CRL = 14,		/* ca: -> F_SEQUENCE number of the list. To fetch: DER, signed by the device CA */
	OP_INSTALL_CRL = 15,	/* load, acquirer: the list that was put -> F_SEQUENCE, F_USED revoked certificates,
				   F_EPOCH */
	OP_DISOWN = 19,		/* ca: F_CERT of a load or acquirer room, F_REASON -> F_NAME, F_SEQUENCE of the list that
				   names all its certificates */
	OP_RAISE = 16,		/* ca: -> F_EPOCH the new one, F_SEQUENCE of the list that says so */
	/* people: key sets */
	OP_GENERATE = 20,	/* load: F_SCHEME, F_CERT of the acquirer, [F_KEY_SET], [F_FROM], [F_UNTIL] its period -> F_KEY_SET, F_KCV, F_PACKAGE */
	OP_IMPORT = 21,		/* acquirer: F_PACKAGE, [F_FROM], [F_UNTIL] -> F_KEY_SET, F_SCHEME, F_KCV, F_NAME who made it */
	OP_PACKAGE = 23,	/* load: F_KEY_SET -> F_PACKAGE: what OP_GENERATE gave, once more */
	OP_STATE = 22,		/* load, acquirer: F_KEY_SET, F_STATE "active"|"suspended"|"deactivated", [F_REASON] ->
				   F_STATE. Which follows which: bdk/key_state.c */
	OP_COMPROMISE = 26,	/* load, acquirer: F_KEY_SET, F_REASON -> F_STATE */
	OP_DESTROY = 27,	/* load, acquirer: F_KEY_SET, F_REASON -> F_STATE: the token has shown that it is gone */
	OP_PERIOD = 28,		/* load, acquirer: F_KEY_SET, [F_FROM], [F_UNTIL] -> F_STATE: its period, in place of any before */
	OP_BELOW = 29,		/* load, acquirer: F_KEY_SET, [F_SINCE] -> F_STATE, F_ROW* what hangs below it: in a load room the
				   facts of each load as it is now, in an acquirer room of each initial KSN that was handed over
				   {F_KSN, F_SERIAL, F_REASON why nothing is recovered, ""}. First, {F_OBJECT} where else it is: in what it
				   came or left, what follows it */
	OP_LIFE = 65,		/* load, acquirer: F_KEY_SET, [F_SINCE] -> F_ROW* {F_STATE, F_TIME, F_REASON} */
	OP_DESTROYED = 66,	/* load, acquirer: F_KEY_SET of one that was destroyed -> : To fetch: the certificate of it, signed
				   (bdk/destruction.h) */
	OP_HANDOVER = 24,	/* load: [F_KEY_SET], [F_SINCE] -> F_SEQUENCE, F_USED loads, [F_HEAD]. To fetch: the pack */
	OP_IMPORT_PACK = 25,	/* acquirer: the pack that was put -> F_NAME of its room, F_SEQUENCE, F_USED loads of key sets
				   that are here, F_REVOKED of these, F_STRANGE others */
	/* people: keys that custodians enter by components (bdk/component.h; load, acquirer) */
	OP_ENTER = 55,		/* F_KEY_SET, F_SCHEME, or F_KBPK, F_ALGORITHM; F_COUNT components, [F_KCV as it stands on the paper] -> F_HASH of the
				   entry that has begun. It ends with this connection, and that of each who gave one */
	OP_ENTERING = 56,	/* -> F_WHO began it, F_KEY_SET, F_SCHEME, or F_KBPK, F_ALGORITHM; F_COUNT, F_GIVEN so far, [F_KCV as on the paper],
				   F_SECONDS until it ends, F_HASH, F_USED 1 where this login has given one, else 0; or
				   F_REASON: nothing is being entered */
	OP_COMPONENT = 57,	/* F_HASH, F_COMPONENT -> F_KCV of it. It does not count yet; another one takes its place */
	OP_CONFIRM = 58,	/* F_HASH, F_KCV of what this connection has brought, F_BAG that it came in, which is opened ->
				   F_NUMBER of F_COUNT: it counts. The last one, where the check value was said, makes the key
				   set */
	OP_ENTERED = 59,	/* -> F_STATE "agree", F_KCV: all are in, is this on the paper? "taken", F_KEY_SET, F_SCHEME,
				   or F_KBPK, F_ALGORITHM, F_KCV: there it is. Or E_LAPSED: it has ended. Waits for one of these */
	OP_AGREE = 100,		/* F_HASH, F_KCV of the key, F_STATE "agreed"|"refused" -> : the last to agree makes the key
				   set; one who refuses ends it */
	OP_WITHDRAW = 101,	/* -> : the entry under way ends */
	OP_MAILER = 102,	/* F_SCHEME, or F_ALGORITHM of a KBPK, F_KEY_SET id or name of what it is for, F_PART of F_PARTS, F_BAG that it goes
				   into, not recorded yet -> F_COMPONENT random, F_KCV, F_WHO gets it */
	/* people: KBPKs, and key sets as X9.143 key blocks under them (bdk/kbpk.h; load, acquirer). F_EXPORTABILITY "E"|"S"|"N", which
	 * it is where it is absent */
	OP_KBPK_GENERATE = 36,	/* F_KBPK its name, F_ALGORITHM "2TDEA"|"3TDEA"|"AES128"|"AES192"|"AES256", and where somebody
				   gets it F_UNDER the KBPK for that, [F_EXPORTABILITY] -> F_KCV, [F_BLOCK] */
	OP_KBPK_IMPORT = 37,	/* F_KBPK, F_UNDER, F_BLOCK -> F_ALGORITHM, F_KCV, F_MODE "B"|"D"|"E", F_EXPORTABILITY */
	OP_KBPK_LIST = 38,	/* [F_SINCE] -> F_ROW* {F_KBPK, F_ALGORITHM, F_MODE, F_EXPORTABILITY, F_STATE "active"|"compromised"|
				   "destroyed", F_KCV, F_USED keys that came or went under it, F_TIME} */
	OP_KBPK_DESTROY = 39,	/* F_KBPK, [F_REASON] -> F_KCV, F_ROW* {F_OBJECT "bdk-ID" or "kbpk-NAME", F_GIVEN 1 if it went out
				   under it, 0 if it came in}, as many as fit */
	OP_KBPK_COMPROMISE = 106, /* F_KBPK, F_REASON -> likewise */
	OP_KBPK_RESUME = 99,	/* F_KBPK that a bag has suspended, F_REASON -> likewise */
	OP_GENERATE_BLOCK = 104, /* load: F_SCHEME, F_UNDER, [F_EXPORTABILITY], [F_KEY_SET], [F_FROM], [F_UNTIL] -> F_KEY_SET, F_KCV, F_BLOCK, which
				   OP_PACKAGE gives once more */
	OP_IMPORT_BLOCK = 105,	/* F_BLOCK, F_UNDER, [F_KEY_SET where the block names none], [F_FROM], [F_UNTIL] -> F_KEY_SET, F_SCHEME, F_KCV,
				   F_EXPORTABILITY */
	/* people: enrolment (ca) */
	OP_EXPECT = 30,		/* F_SERIAL* -> : put serials on the maker's list */
	OP_ENROL = 31,		/* F_SERIAL -> F_MESSAGE IDENTIFY */
	OP_ENROL_CSR = 32,	/* F_MESSAGE CSR -> F_SERIAL, F_FIRMWARE: now a person reads the display */
	OP_ENROL_DIGEST = 33,	/* F_DIGEST: the 32 hex digits (16 bytes) read -> F_MESSAGE CERT */
	OP_ENROL_DONE = 34,	/* F_MESSAGE DONE -> F_SERIAL, F_SPKI, F_CERT */
	OP_REVOKE = 35,		/* F_SERIAL, F_REASON -> F_SERIAL, F_SEQUENCE of the list that names it */
	/* station (load) */
	OP_SESSION = 40,	/* F_KEY_SET, F_SLOT, F_SERIAL* -> F_SCHEME: a session for these terminals alone; one a
				   connection. Without F_KEY_SET and F_SLOT -> : one that may zeroize them, and not load.
				   Where the room goes by its people, operators have opened it (OP_OPEN); a test room
				   without people opens it itself */
	OP_BEGIN = 41,		/* in a session: F_SERIAL of it -> F_MESSAGE HELLO; forgets the loading before */
	OP_OFFER = 42,		/* after BEGIN, to load: F_MESSAGE OFFER -> F_MESSAGE KEY and F_ROW facts; without
				   F_MESSAGE the OFFER was itself the receipt of an earlier KEY, and the facts say
				   "loaded". F_FOLLOWS 1: their key set is not the session's, but follows it. F_LEFT and
				   [F_DAYS] where it is time for another lease */
	OP_RECEIPT = 43,	/* F_SERIAL, F_MESSAGE RECEIPT -> F_ROW facts, [F_HEAD]. Needs no session: it may come
				   late */
	OP_ABORT = 44,		/* in a session: F_REASON text -> : the loading that was begun has ended */
	OP_HISTORY = 45,	/* [F_SINCE] -> F_ROW* facts after that sequence: what a ledger is rebuilt from; F_TEST_ROOM and
				   F_SOFTWARE_TOKEN, which a report of them says */
	OP_ZEROIZE = 46,	/* after BEGIN, to zeroize: F_MESSAGE OFFER, F_SLOT (255: all), F_REASON "reject"|
				   "decommission"|"reload" -> F_MESSAGE ZEROIZE and F_ROW* facts of the newest load of
				   each of these slots; without F_MESSAGE they were empty already, as the facts say */
	OP_WIPED = 47,		/* F_SERIAL, F_MESSAGE RECEIPT of a ZEROIZE -> F_ROW* likewise, [F_HEAD]. Needs no
				   session: it may come late */
	/* people: device ids */
	OP_LEASE = 70,		/* ca: F_KEY_SET, F_SCHEME, [F_KCV], and F_CERT of the load room with F_FIRST and F_LAST,
				   or with F_COUNT -> F_NUMBER, F_FIRST, F_LAST, F_NAME of that room, F_EPOCH, F_LEASE.
				   F_FIRST and F_LAST without F_CERT: they were issued elsewhere -> F_NUMBER.
				   F_NUMBER alone: what was granted under it, once more */
	OP_ACCEPT = 71,		/* load: F_LEASE -> F_NUMBER, F_KEY_SET, F_SCHEME, F_FIRST, F_LAST, F_EPOCH, F_AGAIN 1 where
				   it was accepted before, else 0 */
	OP_LEASES = 72,		/* ca, load: -> F_ROW* {F_NUMBER, F_KEY_SET, F_SCHEME, F_KCV, F_FIRST, F_LAST, F_EPOCH,
				   F_STATE, F_TIME, and in a ca room F_NAME, in a load room F_LEFT}; F_STATE: "granted",
				   "elsewhere"; "in force", "used up", "void" */
	OP_MANIFEST = 73,	/* load: F_ROW* {F_SEQUENCE line of the file, F_SERIAL, F_KEY_SET, F_SLOT, [F_KSN]} -> F_USED
				   lines. All of them, or none: F_WHY names the first that is wrong */
	OP_BACKUP = 75,		/* load: -> F_NAME of the file in the room's folder, F_SEQUENCE of the audit up to which it is */
	OP_CHAIN = 74,		/* load: F_KEY_SET, F_FOLLOWER -> : loads from the first go on with the second */
	/* people of the room (any room). Once it goes by bdk/rule.h any request may be answered with E_LOGIN (OP_LOGIN, then
	 * ask again) or with E_SECOND, which has fields: those of a row of OP_PENDING. Then OP_AWAIT is the only thing to
	 * ask on this connection, and whatever else is asked withdraws the act */
	OP_WHO = 80,		/* -> F_IN_FORCE 1/0: does the room go by the rules?; of whoever asks, if it is a person of
				   the room: F_NAME, F_ROLE, F_STATE "ready"|"no passphrase"|"kept out"|"card"; with a card also
				   F_ROOM, F_UID, F_NONCE: what it signs (bdk/card.h) */
	OP_LOGIN = 81,		/* F_PASSPHRASE -> : of the person with the connection's uid, for this connection. Or F_HASH
				   SHA-256 of the record that is asked next, F_SIGNATURE (64 bytes) of a card, under the
				   F_NONCE of the last OP_WHO: for that one request */
	OP_PASSPHRASE = 82,	/* F_PASSPHRASE -> : a person's first one, or after OP_LOGIN another one */
	OP_PEOPLE = 83,		/* [F_SINCE] -> F_ROW* {F_NAME, F_UID, F_ROLE, F_STATE as above, F_TIME} */
	OP_APPOINT = 84,	/* F_NAME, F_UID, F_ROLE "custodian,supervisor", [F_CARD its point] -> F_IN_FORCE */
	OP_DISMISS = 85,	/* F_NAME -> */
	OP_PENDING = 86,	/* [F_SINCE] -> F_ROW* {F_WHO asks, F_WHAT, F_HASH the act's digest, F_SECONDS until it lapses, and of
				   each of its fields F_LABEL and F_VALUE*, in order} */
	OP_APPROVE = 87,	/* F_HASH, F_STATE "agreed"|"refused" -> F_OUTCOME (enum err) of the act, F_WHY */
	OP_OPEN = 89,		/* load: as OP_SESSION -> : a session, open to a station while both who asked and who
				   agreed keep their connections and are people of the room, and no longer than its limits. A
				   connection attends one: E_EXISTS */
	OP_ATTEND = 90,		/* after OP_OPEN, asked or agreed to: -> F_REASON, once the session has ended */
	OP_AWAIT = 88,		/* -> what the act answers, once a second person has agreed; or E_LAPSED */
	/* people: ceremonies (bdk/ceremony.h) */
	OP_CEREMONY = 92,	/* F_STATE "opened"|"present"|"media"|"remark"|"closed", F_OBJECT a text -> : written down; one
				   is open at a time, and the others belong to it; none closes before every medium made,
				   opened or damaged in it has a disposition (E_MEDIA) */
	OP_RECORD = 93,		/* [F_FIRST, F_LAST; else the ceremony that was closed last] -> F_FIRST, F_LAST. To fetch: the
				   record, signed */
	OP_LED = 98,		/* -> of the ceremony that is open, if one is: F_FIRST the record that opened it, F_OBJECT its title */
	/* people: media in tamper-evident bags (bdk/media.h), any room */
	OP_BAG = 94,		/* F_BAG its number, F_MEDIUM "component"|"share"|"card"|"key-block"|"mailer", [F_PART, F_PARTS],
				   [F_HOLDS of which key set or KBPK], F_INTENT what it is for, F_KEEPER its custodian ->
				   [F_HOLDS, and F_STATE of that key where it is here]: recorded, sealed */
	OP_BAG_FOUND = 95,	/* F_BAG, F_STATE "sealed"|"opened"|"damaged"|"missing", [F_REASON, with the last two] ->
				   [F_HOLDS, F_STATE as above], F_SUSPENDED 1/0: the key that hangs on it has just been suspended, F_GIVEN 1/0: a
				   package or key block of it has left the room, F_ROW* {F_NUMBER, F_FIRST, F_LAST, F_LEFT} of its
				   leases; of a KBPK F_ROW* as OP_KBPK_DESTROY. OP_BELOW lists the rest */
	OP_BAG_MOVE = 96,	/* F_BAG, F_DISPOSITION "re-bagged"|"destroyed"|"returned"|"stored"|"sent", [F_PLACE the new
				   number, where, to whom] -> */
	OP_BAGS = 97,		/* [F_SINCE] -> F_ROW* {F_BAG, F_MEDIUM, [F_PART, F_PARTS], [F_HOLDS], F_INTENT, F_KEEPER, F_STATE,
				   F_DISPOSITION "here" or as above, [F_PLACE], [F_REASON], F_FIRST when it was recorded, F_TIME
				   of the last that became of it, [F_NUMBER: of the record that opened the ceremony in which that
				   was], F_NEEDED 1/0: the ceremony that is open does not close without a disposition} */
	/* acquirer (acquirer) */
	OP_RECOVER = 50		/* F_KSN and any of: F_PIN_BLOCK + F_PIN_FORMAT [+ F_PAN]; F_MAC + F_MAC_DATA; F_DATA
				   -> F_SCHEME, F_KEY_SET, and F_VERDICT "ok"|"wrong"; F_PIN (digits; test rooms only);
				   F_CLEAR. After a wrong MAC neither F_PIN nor F_CLEAR is given */
};

enum bdk_field {
	F_RESULT = 1, F_WHY = 2, F_ROW = 3, F_MORE = 4 /* 1/0 */, F_SINCE = 5, F_SEQUENCE = 6,
	F_TIME = 7 /* seconds since 1970 */, F_WHO = 8, F_WHAT = 9, F_OBJECT = 10, F_REASON = 11, F_HASH = 12,
	F_PROBE = 19,
	F_PURPOSE = 20, F_NAME = 21, F_TEST_ROOM = 22, F_ENVIRONMENT = 23 /* 32 bytes */, F_SOFTWARE_TOKEN = 24,
	F_ROLE = 25,
	F_ROOT = 26 /* 32 bytes: SHA-256 of the device CA's SPKI, as it stands in the images of terminals */,
	F_EPOCH = 27, F_LIST = 28, F_UNTIL = 29 /* seconds since 1970 */, F_PIECE = 36,
	F_CSR = 30, F_CERT = 31, F_DEVICE_CA = 32, F_KIF_CA = 33, F_EXCHANGE_CA = 34,
	F_KEY_SET = 40 /* hex text */, F_SCHEME = 41 /* "tdes", "aes128" */, F_STATE = 42, F_KCV = 43 /* bytes */,
	F_FIRST = 44, F_LAST = 45, F_USED = 46, F_PACKAGE = 47, F_REVOKED = 48, F_STRANGE = 49,
	F_SERIAL = 50, F_SPKI = 51 /* SHA-256, 32 bytes */, F_MESSAGE = 52, F_DIGEST = 53, F_SLOT = 54,
	F_KSN = 55 /* bytes */, F_LOAD_COUNT = 56, F_FIRMWARE = 57,
	F_PIN_BLOCK = 60, F_PIN_FORMAT = 61 /* 0..4 */, F_PAN = 62, F_PIN = 63, F_MAC = 64, F_MAC_DATA = 65,
	F_VERDICT = 66, F_DATA = 67, F_CLEAR = 68,
	F_SEALED = 90, F_GIVEN = 91, F_NEEDED = 92, F_SO_NEEDED = 93, F_NEW_PASSPHRASE = 94, F_CUSTODIANS = 95,
	F_CUSTODIAN = 96, F_NEXT = 97, F_NEXT_NEEDED = 98, F_NEXT_SO_NEEDED = 99,
	F_LEASE = 100, F_NUMBER = 101, F_COUNT = 103, F_AGAIN = 104, F_LEFT = 105, F_DAYS = 106,
	F_WEEK = 107, F_MONTH = 108, F_FOLLOWER = 109 /* hex text, as F_KEY_SET */, F_FOLLOWS = 110, F_LOCKED = 111,
	F_SKIPPED = 112 /* device ids */,
	F_COMPONENT = 150,
	F_UID = 120, F_PASSPHRASE = 121, F_IN_FORCE = 122, F_LABEL = 123, F_VALUE = 124, F_SECONDS = 125,
	F_OUTCOME = 126, F_CARD = 127, F_ROOM = 128, F_NONCE = 129, F_SIGNATURE = 131,
	F_BAG = 170, F_MEDIUM = 171, F_PART = 172, F_PARTS = 173, F_HOLDS = 174, F_INTENT = 175, F_KEEPER = 176,
	F_DISPOSITION = 177, F_PLACE = 178, F_SUSPENDED = 179,
	F_KBPK = 160, F_UNDER = 161, F_ALGORITHM = 162, F_MODE = 163, F_EXPORTABILITY = 164, F_BLOCK = 165,
	F_FROM = 140, F_CHANGED = 141 /* seconds since 1970 */,
	F_HEAD = 130 /* a signed head of the audit: a stanza (bdk/audit.h) */
};

/*
 * The facts of one load, after bdkd has verified them: {F_SEQUENCE, F_TIME, F_SERIAL, F_SPKI, F_KEY_SET, F_SCHEME,
 * F_SLOT, F_KSN initial KSN, F_STATE, F_KCV (once the terminal has signed it), F_LOAD_COUNT, F_FIRMWARE}. F_SEQUENCE
 * grows with every change of a load, so a ledger that applies facts in that order is the journal's projection. F_STATE:
 * "sent" (KEY may have left), "loaded", "possibly-loaded" (burned: see doc/adr/0004-an-id-in-doubt-is-burned.md),
 * "zeroized". F_LOAD_COUNT is 0 until the terminal has signed it.
 *
 * Numbers are 8 bytes (record_put_number), texts printable ASCII without a NUL.
 */

#endif
