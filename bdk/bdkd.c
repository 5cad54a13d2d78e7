/*
 * bdkd: serves one room, in the foreground, until SIGTERM or SIGINT; with --init it makes one instead, with --probe it asks
 * a token what it can do.
 */
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/host/prompt.h"
#include "base/wipe.h"
#include "bdk/login.h"
#include "bdk/process.h"
#include "bdk/heads.h"
#include "bdk/server.h"
#include "bdk/wall.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *room_dir, *init_purpose, *name, *test, *token, *arguments, *pin_file, *module_folder, *ask, *json;
static const char *restore, *mark_dir, *custodians, *threshold, *so_threshold, *accept_software;

/* Each custodian of a new room types his passphrase here, one after the other. */
static bool take_passphrases(struct room_birth *birth, int *status)
{
	char phrase[PASSPHRASE_MAX + 1], question[80];
	bool good = true;
	size_t len;
	enum err e;

	for (unsigned i = 0; good && i < birth->who.n; i++) {
		snprintf(question, sizeof question, "New passphrase of %s", birth->who.who[i].name);
		good = prompt_new_secret(phrase, &len, sizeof phrase, PASSPHRASE_MIN, question, status);
		e = good ? custodian_key_make(&birth->key[i], (struct span){ (const uint8_t *)phrase, len }) : E_OK;
		if (e) {
			*status = fail_say(e, "%s", question);
			good = false;
		}
	}
	wipe(phrase, sizeof phrase);
	return good;
}

/* Who a production room's custodians are; a test room has none. */
static bool take_custodians(struct room_birth *birth, int *status)
{
	char why[CUSTODY_WHY];

	if (test && (custodians || threshold || so_threshold || accept_software))
		*status = fail_why(E_USAGE, "are a production room's, and --test makes a test room", "",
				   "--custodians, --threshold, --so-threshold and --accept-software-token");
	else if (!test && (!custodians || !threshold))
		*status = fail_why(E_USAGE, "a production room needs --custodians and --threshold", "--test makes a test room",
				   "%s", room_dir);
	else if (!test && pin_file)
		*status = fail_why(E_USAGE, "goes with --test: a production room's token is blank", "", "--pin-file");
	else if (!test && custodians_parse(&birth->who, custodians, threshold, so_threshold, why))
		*status = fail_why(E_USAGE, why, "--help tells how", "--custodians");
	else
		return true;
	return false;
}

static int init(void)
{
	static struct room_birth birth;
	struct room_config config = { .test = test, .accept_software_token = accept_software };
	int status = 0;
	char why[ROOM_WHY], path[PATH_MAX];
	struct login pin = { NULL, 0 };
	enum err e;

	if (!token && (arguments || module_folder || pin_file))
		return fail_why(E_USAGE, "go with --token", "", "--token-arguments, --module-folder and --pin-file");
	if (!take_custodians(&birth, &status))
		return status;
	if (room_purpose_parse(&config.purpose, init_purpose))
		return fail_why(E_USAGE, "a purpose is ca, load or acquirer", "", "--init %s", init_purpose);
	snprintf(path, sizeof path, "%s", room_dir);
	if (!name)
		name = basename(path);
	if (!room_config_name(name))
		return fail_why(E_USAGE,
				"a room's name is 1 to 40 letters, digits, dots, dashes, underscores and single blanks",
				"give one with --name", "--name %s", name);
	snprintf(config.name, sizeof config.name, "%s", name);
	if (snprintf(config.token, sizeof config.token, "%s", token ? token : "") >= (int)sizeof config.token ||
	    snprintf(config.token_arguments, sizeof config.token_arguments, "%s", arguments ? arguments : "") >=
		    (int)sizeof config.token_arguments ||
	    snprintf(config.module_folder, sizeof config.module_folder, "%s", module_folder ? module_folder : "") >=
		    (int)sizeof config.module_folder)
		return fail_why(E_USAGE, "too long for room.conf", "", "--token, --token-arguments or --module-folder");
	if (mark_dir && (config.purpose != ROOM_LOAD || mark_dir[0] != '/' ||
		     snprintf(config.mark, sizeof config.mark, "%s", mark_dir) >= (int)sizeof config.mark))
		return fail_why(E_USAGE, "is a load room's, and an absolute path of at most 159 bytes", "", "--mark %s", mark_dir);
	if (pin_file && login_read(&pin, pin_file)) {
		login_wipe(&pin);
		return fail_why(E_ROOM, "no PIN of 1 to 255 bytes", "", "%s", pin_file);
	}
	birth.pin = login_span(&pin);
	if (room_permit_birth(&config, &birth, why)) {
		login_wipe(&pin);
		return fail_why(E_DENIED, why, "", "%s", room_dir);
	}
	if (!take_passphrases(&birth, &status)) {
		wipe(&birth, sizeof birth);
		return status;
	}
	e = room_init(room_dir, &config, &birth, why);
	login_wipe(&pin);
	wipe(&birth, sizeof birth);
	if (e)
		return *why ? fail_why(e, why, e == E_EXISTS && token ? "" : err_hint(e), "%s", room_dir)
			    : fail_say(e, "%s", room_dir);
	printf("%s: room %s (%s, %s) made\n", room_dir, config.name, room_purpose_name(config.purpose),
	       test ? "test" : "production");
	if (!test)
		printf("Before it is served, name in its room.conf who may use its %s; bdkd(8) tells how.\n",
		       config.purpose == ROOM_LOAD	     ? "station socket (station-user)"
		       : config.purpose == ROOM_ACQUIRER ? "acquirer socket (acquirer-user)"
							 : "people socket besides its custodians (people-user)");
	return 0;
}

/* Asks a token without making or opening a room. */
static int probe(void)
{
	const struct token_place at = { .uri = token, .arguments = arguments };
	struct login pin = { NULL, 0 };
	struct worker w;
	enum err e;

	if (!token || !pin_file)
		return fail_why(E_USAGE, "needs --token and --pin-file", "", "--probe");
	if (login_read(&pin, pin_file)) {
		login_wipe(&pin);
		return fail_why(E_ROOM, "no PIN of 1 to 255 bytes", "", "%s", pin_file);
	}
	e = worker_start(&w, &at, ROOM_CA, login_span(&pin)); /* the purpose that may ask least */
	login_wipe(&pin);
	worker_stop(&w);
	if (w.probe.about[0])
		probe_print(stdout, &w.probe, json);
	return e ? fail_why(e, "the token cannot serve a room", "see doc/TOKENS.md", "%s", token) : 0;
}

/* A production room's own user is nobody else, and nobody asks it by chance. */
static enum err check_users(const struct door door[static ROLES], const struct room_config *c, char why[static ROOM_WHY])
{
	if (!geteuid()) {
		snprintf(why, ROOM_WHY, "a production room has a user of its own: user = NAME in room.conf");
		return E_DENIED;
	}
	for (int i = 0; i < ROLES; i++) {
		const struct users *u = &door[i].users;

		if (!door_there((enum role)i, c->purpose) || (u->n && !users_has(u, geteuid()) && !users_has(u, 0)))
			continue;
		snprintf(why, ROOM_WHY, "a production room names who may ask it, others than its own user and root: "
					"%s-user = NAME in room.conf", door_name((enum role)i));
		return E_DENIED;
	}
	return E_OK;
}

/*
 * What has to be so before the room is opened: its own user, the users that its doors are for (whom the machine names
 * now, or never), and the walls.
 *
 *   missing  out  which walls a test room goes without
 */
static enum err settle(struct door door[static ROLES], char missing[static WALL_WHY], char why[static ROOM_WHY])
{
	const char *writable[4] = { room_dir };
	char mark[MARK_FOLDER], dir[PATH_MAX];
	struct room_config c;
	bool confined;
	enum err e = room_config_read(&c, room_dir, why);

	missing[0] = 0;
	if (!e)
		e = doors_find(door, &c, why);
	if (!e && c.user[0])
		e = users_become(c.user, room_dir, why);
	if (!e && !c.test)
		e = check_users(door, &c, why);
	if (e)
		return e;
	if (c.module_folder[0])
		writable[1] = c.module_folder;
	confined = room_config_softhsm(&c) || writable[1];
	/* Where it is not there and cannot be made, loading is locked. */
	if (c.purpose == ROOM_LOAD && realpath(room_dir, dir) && mark_folder(mark, &c, dir))
		writable[writable[1] ? 2 : 1] = mark;
	return wall_build(WALL_SUPERVISOR, confined ? writable : NULL, !c.test, missing);
}

static int refuse(enum err e, const char *why)
{
	return *why ? fail_why(e, why, err_hint(e), "%s", room_dir) : fail_say(e, "%s", room_dir);
}

static int serve(void)
{
	static struct room room;
	struct server *server = NULL;
	struct door door[ROLES];
	char why[ROOM_WHY] = "", missing[WALL_WHY], blame[256];
	struct rlimit files;
	enum err e;

	/* Found out later it would be in the middle of somebody's request. */
	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur < SERVER_DESCRIPTORS)
		return fail_why(E_IO, "too few file descriptors are allowed", "raise the limit (ulimit -n)", "%s",
				room_dir);
	e = settle(door, missing, why);
	if (e)
		return refuse(e, *missing ? missing : why);
	e = room_open(&room, room_dir, why);
	if (e)
		return refuse(e, why);
	if (room.config.test)
		fprintf(stderr, "bdkd: warning: a test room%s: its PIN lies in a file%s%s%s\n",
			room_software(&room) ? " on a software token" : "",
			door[ROLE_PEOPLE].users.n ? "" : ", one user serves and asks", *missing ? "; " : "", missing);
	else if (room_software(&room))
		fprintf(stderr, "bdkd: warning: a production room on a software token, which its room.conf accepts\n");
	probe_blame(blame, sizeof blame, &room.worker[0].probe);
	if (!room.sealed && *blame)
		fprintf(stderr, "bdkd: warning: the token allows what must fail, no production room may use it: %s\n", blame);
	if (room.mark.locked[0])
		fail_why(E_LOCKED, room.mark.locked, err_hint(E_LOCKED), "%s: loading is locked", room_dir);
	e = heads_turn(&room, "start");
	if (!e)
		e = server_open(&server, &room, door, why);
	if (!e) {
		printf("bdkd: serving %s (%s, %s)%s\n", room.config.name, room_purpose_name(room.config.purpose),
		       room.config.test ? "test" : "production", room.sealed ? ", locked: its custodians unlock it (bdk unlock)" : "");
		fflush(stdout);
		e = server_run(server);
	}
	server_close(server);
	mark_stop(&room);
	if (!e)
		e = heads_turn(&room, "stop");
	mark_note(&room);
	room_close(&room);
	return e ? refuse(e, why) : 0;
}

/* The room goes by an older journal from now on, and says so when it is served. */
static int put_back(void)
{
	char why[ROOM_WHY] = "";
	struct room_config c;
	enum err e = room_config_read(&c, room_dir, why);

	/* What it writes has to be that user's. */
	if (!e && c.user[0])
		e = users_become(c.user, room_dir, why);
	if (!e)
		e = room_restore(room_dir, restore, why);
	if (e)
		return *why ? fail_why(e, why, err_hint(e), "%s to %s", restore, room_dir) :
			      fail_say(e, "%s to %s", restore, room_dir);
	printf("%s: its journal is the backup's; all its leases are void: raise the epoch in the ca room (bdk epoch --raise), "
	       "certify the room anew, then bdk lease and bdk accept\n", room_dir);
	return 0;
}

static int run(int operands, char **operand)
{
	bool locked;

	(void)operands;
	(void)operand;
	if (guard_secrets(&locked))
		return fail_why(E_INTERNAL, "the walls around this process could not be built", "", "bdkd");
	if (!init_purpose && (name || test || module_folder || mark_dir || custodians || threshold || so_threshold || accept_software))
		return fail_why(E_USAGE, "go with --init", "",
				"--name, --test, --module-folder, --mark, --custodians, --threshold, --so-threshold and "
				"--accept-software-token");
	if (!init_purpose && !ask && (token || arguments || pin_file))
		return fail_why(E_USAGE, "go with --init or --probe", "", "--token, --token-arguments and --pin-file");
	if (json && !ask)
		return fail_why(E_USAGE, "goes with --probe", "", "--json");
	if (!room_dir == !ask)
		return fail_why(E_USAGE, "one of them, and not both, is needed", "", "--room DIR and --probe");
	if (restore && (init_purpose || ask))
		return fail_why(E_USAGE, "goes with --room alone", "", "--restore");
	return ask ? probe() : init_purpose ? init() : restore ? put_back() : serve();
}

int main(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "room", "DIR", "folder of the room", &room_dir, false },
		{ "init", "PURPOSE", "make the room instead of serving it: ca, load or acquirer", &init_purpose,
		  false },
		{ "restore", "FILE", "put this backup's journal in the place of a load room's, instead of serving it", &restore, false },
		{ "name", "NAME", "its name, which stands in certificates (default: the folder's)", &name, false },
		{ "test", NULL, "make a test room", &test, false },
		{ "custodians", "LIST", "a production room's, as NAME=LOGIN,...: each types a passphrase", &custodians, false },
		{ "threshold", "M", "how many of them unlock it: 2 or more", &threshold, false },
		{ "so-threshold", "K", "how many of them change its custodians: M or more (default: M)", &so_threshold, false },
		{ "accept-software-token", NULL, "make a production room on a software token", &accept_software, false },
		{ "token", "URI", "the token (RFC 7512; a new room's default: a SoftHSM token in the folder)", &token, false },
		{ "token-arguments", "TEXT", "what the token's module wants at C_Initialize", &arguments, false },
		{ "module-folder", "DIR", "where the token's module writes, outside the room", &module_folder, false },
		{ "pin-file", "FILE", "the PIN of a token that is not blank", &pin_file, false },
		{ "mark", "DIR", "a new load room's: where the mark outside it goes (default: DIR.mark)", &mark_dir, false },
		{ "probe", NULL, "ask the token of --token what it can do, and print its answers", &ask, false },
		{ "json", NULL, "print JSON", &json, false },
		{ 0 },
	};
	static const struct command bdkd = { "bdkd", "", "", opts, 0, 0, run };

	process_main(argc, argv);
	umask(077);
	return opt_run(&bdkd, "Serves one room in the foreground, until SIGTERM or SIGINT.", argc, argv);
}
