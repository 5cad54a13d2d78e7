/*
 * bdk: what people do in a room. Every command is a request to the room's bdkd, but for init and restore.
 */
#include "base/host/fail.h"
#include "base/host/opt.h"
#include "bdk/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cli cli;

#define ROOM { "room", "DIR", "folder of the room (default: $KEYROOM_ROOM)", &cli.room, false }
#define JSON { "json", NULL, "print JSON", &cli.json, false }
#define FROM { "from", "DATE", "when it becomes active: 2027-01-31 or 2027-01-31T12:00:00Z, UTC (default: now)", &cli.from, false }
#define UNTIL { "until", "DATE", "when it is deactivated (default: when people say so)", &cli.until, false }
#define END { 0 }

static const struct opt nothing[] = { END };
static const struct opt just_room[] = { ROOM, END };
static const struct opt room_json[] = { ROOM, JSON, END };
static const struct opt of_init[] = {
	{ "purpose", "P", "ca, load or acquirer", &cli.purpose, true },
	{ "test", NULL, "a test room", &cli.test, false },
	{ "token", "URI", "its token (RFC 7512; default: a SoftHSM token in the folder)", &cli.token, false },
	{ "token-arguments", "TEXT", "what the token's module wants at C_Initialize", &cli.token_arguments, false },
	{ "module-folder", "DIR", "where the token's module writes, outside the room", &cli.module_folder, false },
	{ "pin-file", "FILE", "the PIN of a token that is not blank", &cli.pin_file, false },
	{ "mark", "DIR", "a load room's: where the mark outside it goes (default: DIR.mark)", &cli.mark, false },
	{ "custodians", "LIST", "a production room's, as NAME=LOGIN,...: each types a passphrase", &cli.custodians, false },
	{ "threshold", "M", "how many of them unlock it: 2 or more", &cli.threshold, false },
	{ "so-threshold", "K", "how many of them change its custodians: M or more (default: M)", &cli.so_threshold, false },
	{ "accept-software-token", NULL, "make a production room on a software token", &cli.accept_software, false },
	{ "name", "NAME", "its name, which stands in certificates (default: the folder's)", &cli.name, false },
	END,
};
static const struct opt of_certify[] = {
	ROOM,
	{ "role", "ROLE", "load or acquirer: which CA signs", &cli.role, true },
	END,
};
static const struct opt of_install[] = {
	ROOM,
	{ "anchors", "FILE", "the ca room's three certificates (bdk anchors)", &cli.anchors, false },
	{ "crl", "FILE", "a revocation list (bdk crl)", &cli.crl, false },
	END,
};
static const struct opt of_generate[] = {
	ROOM,
	{ "scheme", "S", "tdes, aes128, aes192 or aes256 (these two in test rooms)", &cli.scheme, true },
	{ "for", "CERT", "certificate of the acquirer room that gets it", &cli.recipient, false },
	{ "under", "KBPK", "or the KBPK of whoever gets it: in a key block", &cli.under, false },
	{ "exportability", "E|S|N", "of that key block (default: N, whoever gets it does not give it on)", &cli.exportability, false },
	{ "id", "HEX", "id of the key set: FFFF and 6 digits (tdes), or 8 digits (default: random)", &cli.id, false },
	{ "out", "FILE", "where the package or key block goes", &cli.out, true },
	FROM, UNTIL, END,
};
static const struct opt of_kbpk[] = {
	ROOM, JSON,
	{ "algorithm", "A", "generate: 2TDEA, 3TDEA, AES128, AES192 or AES256", &cli.algorithm, false },
	{ "under", "OTHER", "the KBPK that protects it on its way: import, or generate with --out", &cli.under, false },
	{ "out", "FILE", "generate: where its key block under OTHER goes", &cli.out, false },
	{ "exportability", "E|S|N", "generate: of that key block (default: N)", &cli.exportability, false },
	{ "reason", "TEXT", "resume, compromise, destroy: why, for the audit", &cli.reason, false },
	END,
};
static const struct opt of_import[] = {
	ROOM,
	{ "components", "N", "begin a key set or KBPK of 2 to 9 components, each another custodian's; give the first", &cli.components, false },
	{ "scheme", "S", "with --components: tdes, aes128, aes192 or aes256 (these two in test rooms)", &cli.scheme, false },
	{ "id", "HEX", "with --components: its id, FFFF and 6 digits (tdes), or 8 digits; with --under: where the key block has none",
	  &cli.id, false },
	{ "under", "KBPK", "FILE is an X9.143 key block under this KBPK", &cli.under, false },
	{ "check-value", "HEX", "with --components: its check value as it stands on the paper (default: all are asked)",
	  &cli.check_value, false },
	{ "kbpk", "NAME", "with --components: a KBPK of this name, in the place of --id", &cli.kbpk, false },
	{ "algorithm", "A", "with --kbpk: 2TDEA, 3TDEA, AES128, AES192 or AES256", &cli.algorithm, false },
	{ "join", NULL, "give a component of the key that is being entered; DIGEST as on the first one's screen", &cli.join, false },
	{ "bag", "NUMBER", "the bag that the component came in", &cli.bag, false },
	{ "withdraw", NULL, "end what is being entered: everything that was given is wiped", &cli.withdraw, false },
	FROM, UNTIL, END,
};
static const struct opt of_component[] = {
	ROOM,
	{ "scheme", "S", "of the key set that it is for: tdes, aes128, aes192 or aes256", &cli.scheme, false },
	{ "algorithm", "A", "of the KBPK that it is for: 2TDEA, 3TDEA, AES128, AES192 or AES256", &cli.algorithm, false },
	{ "of", "KEY", "of which key set (its id) or KBPK (its name)", &cli.holds, true },
	{ "part", "K/N", "which component of how many", &cli.part, true },
	{ "bag", "NUMBER", "the bag that it goes into", &cli.bag, true },
	{ "mailer", "FILE", "a printer, or a new file, instead of this terminal's screen", &cli.mailer, false },
	END,
};
static const struct opt of_list[] = {
	ROOM, JSON,
	{ "history", "ID", "the states that a key set has been in, with reasons", &cli.history, false },
	END,
};
static const struct opt of_period[] = { ROOM, FROM, UNTIL, END };
static const struct opt of_state[] = {
	ROOM,
	{ "reason", "TEXT", "why, for the audit", &cli.reason, false },
	END,
};
static const struct opt of_compromise[] = {
	ROOM, JSON,
	{ "reason", "TEXT", "why, for the audit", &cli.reason, true },
	END,
};
static const struct opt of_destroy[] = {
	ROOM,
	{ "reason", "TEXT", "why, for the audit", &cli.reason, true },
	{ "out", "FILE", "where the certificate goes (default: standard output)", &cli.out, false },
	END,
};
static const struct opt of_destroyed[] = {
	ROOM,
	{ "out", "FILE", "where the certificate goes (default: standard output)", &cli.out, false },
	{ "key", "FILE", "verify: the records key (bdk audit key)", &cli.key, false },
	END,
};
static const struct opt of_package[] = {
	ROOM,
	{ "out", "FILE", "where the package for the acquirer goes", &cli.out, true },
	END,
};
static const struct opt of_lease[] = {
	ROOM,
	{ "key-set", "ID", "of which key set", &cli.id, false },
	{ "scheme", "S", "its scheme", &cli.scheme, false },
	{ "check-value", "HEX", "its check value: the load room compares", &cli.check_value, false },
	{ "range", "FIRST-LAST", "these device ids", &cli.range, false },
	{ "count", "N", "or so many: the lowest that are free together", &cli.count, false },
	{ "for", "CERT", "the load room's certificate", &cli.recipient, false },
	{ "elsewhere", "FIRST-LAST", "nobody gets these: they were issued before, or elsewhere", &cli.elsewhere, false },
	{ "again", "NUMBER", "print a lease that was granted before", &cli.again, false },
	END,
};
static const struct opt of_chain[] = {
	ROOM,
	{ "key-set", "ID", "when its device ids are used up", &cli.id, true },
	{ "next", "ID", "go on with this one", &cli.next, true },
	END,
};
static const struct opt of_enrol[] = {
	ROOM,
	{ "port", "PORT", "/dev/ttyUSB0[:baud], tcp:host:port or unix:path", &cli.port, true },
	{ "serial", "SERIAL", "the terminal expected on it", &cli.serial, true },
	{ "digest-file", "FILE", "read the digest from there, not from a prompt; - for standard input",
	  &cli.digest_file, false },
	END,
};
static const struct opt of_revoke[] = {
	ROOM,
	{ "reason", "TEXT", "why, for the audit", &cli.reason, true },
	END,
};

static const struct opt of_handover[] = {
	ROOM,
	{ "key-set", "ID", "of one key set (default: all)", &cli.key_set, false },
	{ "since", "N", "only loads that have changed after this sequence, the last of the pack before", &cli.since, false },
	{ "out", "FILE", "where the pack goes", &cli.out, true },
	END,
};
static const struct opt of_verify[] = {
	{ "anchors", "FILE", "the ca room's three certificates (bdk anchors)", &cli.anchors, true },
	END,
};
static const struct opt of_appoint[] = {
	ROOM,
	{ "uid", "N", "the person's user on this machine", &cli.uid, true },
	{ "role", "ROLE", "custodian, supervisor, operator or auditor; or custodian,supervisor", &cli.role, true },
	{ "card", "FILE", "public key (PEM) of the person's card, which signs in the place of a passphrase", &cli.card, false },
	END,
};
static const struct opt of_approve[] = {
	ROOM,
	{ "refuse", NULL, "say no", &cli.refuse, false },
	END,
};
static const struct opt of_audit[] = {
	ROOM, JSON,
	{ "csv", NULL, "export: a table for reading; what is checked are the lines without it", &cli.csv, false },
	{ "all", NULL, "head: all that the room keeps", &cli.all, false },
	{ "head", "FILE", "verify: signed heads that somebody kept outside the room, any number", &cli.head, false },
	{ "key", "FILE", "verify: the records key that has to have signed them (bdk audit key)", &cli.key, false },
	END,
};
static const struct opt of_session[] = {
	ROOM,
	{ "key-set", "ID", "what they are loaded from (default: nothing, they are to be zeroized)", &cli.key_set, false },
	{ "slot", "N", "the slot of that key set, 0 to 7", &cli.slot, false },
	{ "join", "DIGEST", "the second operator: agree to what stands on the first one's screen", &cli.join, false },
	END,
};
static const struct opt of_ceremony[] = {
	ROOM,
	{ "out", "NAME", "record: NAME.txt, and NAME.html to print", &cli.out, false },
	{ "records", "FIRST-LAST", "record: of these records of the audit (default: the ceremony that was closed last)", &cli.records, false },
	{ "key", "FILE", "verify: the records key (bdk audit key)", &cli.key, false },
	END,
};
static const struct opt of_bag[] = {
	ROOM, JSON,
	{ "medium", "M", "record: component, share, card, key-block or mailer", &cli.medium, false },
	{ "part", "K/N", "record: which part of how many", &cli.part, false },
	{ "of", "KEY", "record: of which key set (its id) or KBPK (its name)", &cli.holds, false },
	{ "custodian", "NAME", "record: who keeps it", &cli.keeper, false },
	{ "purpose", "TEXT", "record: what it is for", &cli.purpose, false },
	{ "reason", "TEXT", "damaged, missing: what was seen", &cli.reason, false },
	{ "to", "WORD", "move: re-bagged, destroyed, returned, stored or sent", &cli.to, false },
	{ "place", "TEXT", "move: the new bag's number, where it is stored, or to whom it was sent", &cli.place, false },
	END,
};
static const struct opt of_epoch[] = {
	ROOM,
	{ "raise", NULL, "in a ca room: the next epoch, which disowns every KIF certificate issued so far", &cli.raise, false },
	END,
};

static const struct opt of_custodians[] = {
	ROOM,
	JSON,
	{ "change", "LIST", "who they are from now on, as NAME=LOGIN,...: begins a change", &cli.change, false },
	{ "threshold", "M", "with --change: how many of them unlock the room", &cli.threshold, false },
	{ "so-threshold", "K", "with --change: how many of them change its custodians (default: M)", &cli.so_threshold, false },
	{ "withdraw", NULL, "ends the change that this login has begun", &cli.withdraw, false },
	END,
};

static const struct command commands[] = {
	{ "init", "DIR", "Makes a room.", of_init, 1, 1, cli_init },
	{ "restore", "DIR BACKUP", "Puts a backup of a load room's journal back; all its leases are void then.", nothing, 2, 2,
	  cli_restore },
	{ "unlock", "", "A custodian's part in unlocking a production room: his passphrase, from his own login.", just_room, 0, 0,
	  cli_unlock },
	{ "lock", "", "Locks a production room: no keys until its custodians unlock it.", just_room, 0, 0, cli_lock },
	{ "custodians", "", "Lists a production room's custodians, or begins to change them.", of_custodians, 0, 0,
	  cli_custodians },
	{ "entrust", "", "A custodian's part in a change of custodians, from his own login.", just_room, 0, 0, cli_entrust },
	{ "info", "", "Prints what a room is.", room_json, 0, 0, cli_info },
	{ "list", "", "Lists key sets, or tells the life of one.", of_list, 0, 0, cli_list },
	{ "devices", "", "Lists the terminals of a ca room, or the loads of a load room.", room_json, 0, 0,
	  cli_devices },
	{ "audit", "[export|verify FILE|head|key]", "Prints the audit: who did what, and what was refused; or checks an export of it.",
	  of_audit, 0, 2, cli_audit },
	{ "ceremony", "open|present|media|remark|close TEXT, record, verify FILE", "Writes down a ceremony; prints its record; checks one.",
	  of_ceremony, 1, 2, cli_ceremony },
	{ "lead", "[generate|block-out|block-in|components|kbpk|mailers|destroy|custodians]", "Leads a ceremony step by step, on the screen; goes on with one that is open.", just_room, 0, 1,
	  cli_lead },
	{ "bag", "record|open|sealed|damaged|missing|move NUMBER, list", "Tamper-evident bags: what is in them, how they were found, what became "
	  "of them.", of_bag, 1, 2, cli_bag },
	{ "digest", "", "Prints SHA-256 over key sets, devices and loads.", just_room, 0, 0, cli_digest },
	{ "probe", "", "Prints what the room's token was asked when it was opened, and what it answered.", room_json, 0, 0,
	  cli_probe },
	{ "request", "", "Prints a request for the room's certificate.", just_room, 0, 0, cli_request },
	{ "certify", "CSR", "In a ca room: prints a certificate for a room's request.", of_certify, 1, 1, cli_certify },
	{ "anchors", "", "In a ca room: prints its three CA certificates.", just_room, 0, 0, cli_anchors },
	{ "install", "[CERT]", "Installs the room's certificate and anchors, or a revocation list.", of_install, 0, 1,
	  cli_install },
	{ "generate", "", "In a load room: makes a key set, and its package for one acquirer room, or its key block.", of_generate, 0, 0,
	  cli_generate },
	{ "package", "ID", "In a load room: writes the package or key block of a key set once more.", of_package, 1, 1,
	  cli_package },
	{ "import", "[FILE | --components N | --join [DIGEST]]",
	  "Takes a key set: in an acquirer room out of a package; in a load room too out of a key block, or from custodians who type its components, as a KBPK.",
	  of_import, 0, -1, cli_import },
	{ "component", "", "Makes a fresh component for a sealed mailer, and shows it once.", of_component, 0, 0, cli_component },
	{ "kbpk", "generate NAME, import NAME FILE, list, resume NAME, compromise NAME, destroy NAME",
	  "In a load or acquirer room: keys that protect key blocks.", of_kbpk, 1, 3, cli_kbpk },
	{ "handover", "", "In a load room: writes what it has issued, signed, for acquirers and files.", of_handover, 0, 0,
	  cli_handover },
	{ "import-pack", "FILE", "In an acquirer room: takes what a load room has handed over.", just_room, 1, 1,
	  cli_import_pack },
	{ "verify", "FILE", "Checks a hand-over pack; needs no room.", of_verify, 1, 1, cli_verify },
	{ "lease", "", "In a ca room: grants device ids to a load room, and prints the lease.", of_lease, 0, 0,
	  cli_lease },
	{ "accept", "LEASE", "In a load room: issues device ids out of a lease.", just_room, 1, 1, cli_accept },
	{ "leases", "", "Lists the leases of a ca or load room.", room_json, 0, 0, cli_leases },
	{ "manifest", "FILE", "In a load room: says which terminals get which key set, slot and KSN.", just_room, 1, 1,
	  cli_manifest },
	{ "chain", "", "In a load room: says which key set follows another.", of_chain, 0, 0, cli_chain },
	{ "backup", "", "In a load room: writes its journal to backup.db in its folder.", just_room, 0, 0, cli_backup },
	{ "period", "ID", "From when until when a key set is active.", of_period, 1, 1, cli_set_period },
	{ "activate", "ID", "Makes a key set active before its period begins, or without one.", of_state, 1, 1, cli_activate },
	{ "suspend", "ID", "Suspends a key set.", of_state, 1, 1, cli_suspend },
	{ "resume", "ID", "Makes a suspended key set active again.", of_state, 1, 1, cli_activate },
	{ "deactivate", "ID", "Ends loading from a key set for ever; acquirers still recover.", of_state, 1, 1, cli_deactivate },
	{ "compromise", "ID", "Somebody may know this key: nothing is done with it any more; lists what hangs below it.", of_compromise, 1,
	  1, cli_compromise },
	{ "below", "ID", "Lists every terminal and key below a key set, with its last state.", room_json, 1, 1, cli_below },
	{ "destroy", "ID", "Destroys a key set in the token, and prints the certificate of it.", of_destroy, 1, 1, cli_destroy },
	{ "destroyed", "ID, verify FILE", "Prints the certificate of a destruction again; checks one.", of_destroyed, 1, 2, cli_destroyed },
	{ "expect", "SERIAL...", "In a ca room: puts serials on the maker's list.", just_room, 1, -1, cli_expect },
	{ "enrol", "", "In a ca room: gives a blank terminal its certificate.", of_enrol, 0, 0, cli_enrol },
	{ "revoke", "SERIAL", "In a ca room: revokes a terminal's certificate.", of_revoke, 1, 1, cli_revoke },
	{ "crl", "", "In a ca room: prints the revocation list.", just_room, 0, 0, cli_crl },
	{ "disown", "CERT", "In a ca room: revokes a load or acquirer room: all certificates of its key.", of_revoke, 1, 1,
	  cli_disown },
	{ "epoch", "", "Prints the epoch of KIF certificates that a room goes by, or raises it.", of_epoch, 0, 0, cli_epoch },
	{ "people", "", "Lists the people of a room.", room_json, 0, 0, cli_people },
	{ "appoint", "NAME", "Makes somebody one of the room's people.", of_appoint, 1, 1, cli_appoint },
	{ "dismiss", "NAME", "Makes somebody nobody of this room.", just_room, 1, 1, cli_dismiss },
	{ "passphrase", "", "Sets the passphrase of whoever types it.", just_room, 0, 0, cli_passphrase },
	{ "session", "[SERIAL...]", "In a load room: opens a loading session, of two operators, and keeps it open.", of_session,
	  0, -1, cli_session },
	{ "approve", "[DIGEST...]", "Lists what waits for a second person, or agrees to it.", of_approve, 0, -1, cli_approve },
	{ 0 },
};

int main(int argc, char **argv)
{
	int status;

	cli.room = getenv("KEYROOM_ROOM");
	status = opt_run_commands(commands, "bdk",
				  "What people do in a room. Its bdkd has to be running: bdkd --room DIR.", argc, argv);
	/* Everything printed has to arrive. */
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = fail_why(E_IO, strerror(errno), "", "standard output");
	return status;
}
