#include "bdk/room.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

static const char *const purposes[] = { [ROOM_CA] = "ca", [ROOM_LOAD] = "load", [ROOM_ACQUIRER] = "acquirer" };

const char *room_purpose_name(enum room_purpose p)
{
	return p >= ROOM_CA && p <= ROOM_ACQUIRER ? purposes[p] : "none";
}

enum err room_purpose_parse(enum room_purpose *p, const char *name)
{
	for (unsigned i = ROOM_CA; i <= ROOM_ACQUIRER; i++)
		if (!strcmp(name, purposes[i])) {
			*p = (enum room_purpose)i;
			return E_OK;
		}
	return E_FORMAT;
}

bool room_config_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._- ";
	size_t len = strlen(name);

	return len && len < ROOM_NAME && strspn(name, allowed) == len && name[0] != ' ' && name[len - 1] != ' ' &&
	       !strstr(name, "  ");
}

bool room_config_software(const struct room_config *c)
{
	return room_config_softhsm(c) || strstr(c->token, "softokn");
}

bool room_config_softhsm(const struct room_config *c)
{
	return strstr(c->token, "softhsm");
}

/* --- The keys, one row each --------------------------------------------------------------------------------------- */

static bool number(unsigned *out, const char *text, unsigned most)
{
	unsigned v = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || (unsigned)(*p - '0') > most || v > (most - (unsigned)(*p - '0')) / 10)
			return false;
		v = 10 * v + (unsigned)(*p - '0');
	}
	*out = v;
	return v > 0;
}

/* One of two words; value is which. */
static bool word(bool *out, const char *text, const char *yes, const char *no)
{
	*out = !strcmp(text, yes);
	return *out || !strcmp(text, no);
}

static bool set_version(struct room_config *c, const char *v)
{
	return number(&c->version, v, INT_MAX);
}

static bool set_purpose(struct room_config *c, const char *v)
{
	return !room_purpose_parse(&c->purpose, v);
}

static bool set_kind(struct room_config *c, const char *v)
{
	return word(&c->test, v, "test", "production");
}

static bool set_name(struct room_config *c, const char *v)
{
	snprintf(c->name, sizeof c->name, "%s", v);
	return room_config_name(v);
}

static bool set_token(struct room_config *c, const char *v)
{
	/* whether it is a good one, the worker says that takes it */
	snprintf(c->token, sizeof c->token, "%s", v);
	return !strncmp(v, "pkcs11:", 7) && strlen(v) < sizeof c->token;
}

static bool set_arguments(struct room_config *c, const char *v)
{
	snprintf(c->token_arguments, sizeof c->token_arguments, "%s", v);
	return *v && strlen(v) < sizeof c->token_arguments;
}

static bool set_accept(struct room_config *c, const char *v)
{
	return word(&c->accept_software_token, v, "yes", "no");
}

static bool set_module_folder(struct room_config *c, const char *v)
{
	snprintf(c->module_folder, sizeof c->module_folder, "%s", v);
	return v[0] == '/' && strlen(v) < sizeof c->module_folder;
}

/* Names of users: who they are shows when the room is served. */
static bool users(char out[static USERS_TEXT], const char *v)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-, ";

	snprintf(out, USERS_TEXT, "%s", v);
	return *v && strlen(v) < USERS_TEXT && strspn(v, allowed) == strlen(v);
}

static bool set_user(struct room_config *c, const char *v)
{
	return users(c->user, v) && !strpbrk(v, ", ");
}

static bool set_people_user(struct room_config *c, const char *v)
{
	return users(c->people_user, v);
}

static bool set_station_user(struct room_config *c, const char *v)
{
	return users(c->station_user, v);
}

static bool set_acquirer_user(struct room_config *c, const char *v)
{
	return users(c->acquirer_user, v);
}

static bool set_device_days(struct room_config *c, const char *v)
{
	return number(&c->device_days, v, 36500);
}

static bool set_room_days(struct room_config *c, const char *v)
{
	return number(&c->room_days, v, 3650);
}

static bool set_crl_days(struct room_config *c, const char *v)
{
	return number(&c->crl_days, v, 3650);
}

static bool set_epoch(struct room_config *c, const char *v)
{
	return number(&c->epoch, v, INT_MAX);
}

static bool set_approve_seconds(struct room_config *c, const char *v)
{
	return number(&c->approve_seconds, v, 3600);
}

static bool set_session_idle_seconds(struct room_config *c, const char *v)
{
	return number(&c->session_idle_seconds, v, 86400);
}

static bool set_session_seconds(struct room_config *c, const char *v)
{
	return number(&c->session_seconds, v, 86400);
}

static bool set_mark(struct room_config *c, const char *v)
{
	snprintf(c->mark, sizeof c->mark, "%s", v);
	return v[0] == '/' && strlen(v) < sizeof c->mark;
}

static bool set_workers(struct room_config *c, const char *v)
{
	return number(&c->workers, v, ROOM_WORKERS);
}

static bool set_head_records(struct room_config *c, const char *v)
{
	return number(&c->head_records, v, 1000000);
}

static bool set_head_minutes(struct room_config *c, const char *v)
{
	unsigned minutes = 0;
	bool good = number(&minutes, v, 1440);

	c->head_seconds = 60 * minutes;
	return good;
}

static const struct key_row {
	const char *key;
	bool (*set)(struct room_config *c, const char *value);
	bool needed;
	enum room_purpose only; /* 0: any */
} keys[] = {
	/* clang-format off */
	{ "version",               set_version,     true,  0         },
	{ "purpose",               set_purpose,     true,  0         },
	{ "kind",                  set_kind,        true,  0         },
	{ "name",                  set_name,        true,  0         },
	{ "token",                 set_token,       true,  0         },
	{ "token-arguments",       set_arguments,   false, 0         },
	{ "accept-software-token", set_accept,      false, 0         },
	{ "module-folder",         set_module_folder, false, 0       },
	{ "user",                  set_user,        false, 0         },
	{ "people-user",           set_people_user, false, 0         },
	{ "station-user",          set_station_user, false, ROOM_LOAD },
	{ "acquirer-user",         set_acquirer_user, false, ROOM_ACQUIRER },
	{ "device-days",           set_device_days, false, ROOM_CA   },
	{ "room-days",             set_room_days,   false, ROOM_CA   },
	{ "crl-days",              set_crl_days,    false, ROOM_CA   },
	{ "epoch",                 set_epoch,       false, ROOM_CA   },
	{ "approve-seconds",       set_approve_seconds, false, 0     },
	{ "session-idle-seconds",  set_session_idle_seconds, false, ROOM_LOAD },
	{ "session-seconds",       set_session_seconds, false, ROOM_LOAD },
	{ "mark",                  set_mark,        false, ROOM_LOAD },
	{ "workers",               set_workers,     false, ROOM_LOAD },
	{ "head-records",          set_head_records, false, 0        },
	{ "audit-head-minutes",    set_head_minutes, false, 0        },
	/* clang-format on */
};
enum { KEYS = sizeof keys / sizeof keys[0] };

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct reading {
	struct span left;    /* text not yet given to inih */
	unsigned line;       /* of the text that inih has */
	unsigned seen[KEYS]; /* line of each key, 0: not seen */
	struct room_config c;
	char *why; /* the first thing that is wrong */
};

static void wrong(struct reading *r, const char *what, const char *key)
{
	if (!r->why[0])
		snprintf(r->why, ROOM_WHY, "room.conf, line %u: %s%s%.60s%s", r->line, what, key ? " \"" : "",
			 key ? key : "", key ? "\"" : "");
}

/* inih's fgets(): a line at a time, so that the handler knows which one it is in. */
static char *next_line(char *out, int size, void *reading)
{
	struct reading *r = reading;
	const uint8_t *end = r->left.len ? memchr(r->left.p, '\n', r->left.len) : NULL;
	size_t len = end ? (size_t)(end - r->left.p) + 1 : r->left.len;

	if (!len)
		return NULL;
	r->line++;
	if (len >= (size_t)size || memchr(r->left.p, 0, len)) {
		wrong(r, len >= (size_t)size ? "too long" : "not text", NULL);
		return NULL;
	}
	memcpy(out, r->left.p, len);
	out[len] = 0;
	r->left.p += len;
	r->left.len -= len;
	return out;
}

static int on_key(void *reading, const char *section, const char *name, const char *value)
{
	struct reading *r = reading;

	if (strcmp(section, "room")) {
		wrong(r, "belongs to no section [room]:", name);
		return 0;
	}
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(name, keys[i].key))
			continue;
		if (r->seen[i])
			wrong(r, "stands there twice:", name);
		else if (!keys[i].set(&r->c, value))
			wrong(r, "bad value of", name);
		r->seen[i] = r->line;
		return 1;
	}
	wrong(r, "unknown key", name);
	return 0;
}

enum err room_config_parse(struct room_config *c, struct span text, char why[static ROOM_WHY])
{
	struct reading r = { .left = text, .why = why };
	int bad;
	enum err e = E_OK;

	memset(c, 0, sizeof *c);
	why[0] = 0;
	r.c.device_days = 5475;
	r.c.room_days = 730;
	r.c.crl_days = 30;
	r.c.epoch = 1;
	r.c.workers = 2;
	r.c.approve_seconds = 300;
	r.c.head_records = 100;
	r.c.head_seconds = 3600;
	r.c.session_idle_seconds = 900;
	r.c.session_seconds = 28800;
	bad = ini_parse_stream(next_line, &r, on_key, &r);
	if (r.c.version > ROOM_VERSION) {
		snprintf(why, ROOM_WHY, "room.conf is of version %u, this bdkd knows %u", r.c.version,
			 (unsigned)ROOM_VERSION);
		return E_ROOM_VERSION;
	}
	if (bad > 0)
		r.line = (unsigned)bad;
	if (bad)
		wrong(&r, "neither a section, nor key = value, nor a comment", NULL);
	for (size_t i = 0; i < KEYS; i++) {
		if (keys[i].needed && !r.seen[i] && !why[0])
			snprintf(why, ROOM_WHY, "room.conf has no \"%s\"", keys[i].key);
		if (keys[i].only && r.seen[i] && r.c.purpose != keys[i].only) {
			r.line = r.seen[i];
			wrong(&r,
			      keys[i].only == ROOM_CA	? "only a ca room has"
			      : keys[i].only == ROOM_LOAD ? "only a load room has"
							  : "only an acquirer room has",
			      keys[i].key);
		}
	}
	if (r.c.purpose == ROOM_LOAD && !r.c.test && !r.c.mark[0] && !why[0])
		snprintf(why, ROOM_WHY, "room.conf has no \"mark\": a production room names a folder outside for it");
	if (r.c.purpose != ROOM_LOAD)
		r.c.workers = 1;
	if (why[0])
		e = E_ROOM;
	else
		*c = r.c;
	return e;
}
