#include "bdk/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool find(uid_t *uid, gid_t *gid, const char *name)
{
	bool number = *name && strspn(name, "0123456789") == strlen(name) && strlen(name) < 11;
	unsigned long n = number ? strtoul(name, NULL, 10) : 0;
	const struct passwd *p = NULL;

	if (number && n >= (uid_t)-1) /* it would be somebody else's */
		return false;
	p = number ? getpwuid((uid_t)n) : getpwnam(name);
	*uid = p ? p->pw_uid : (uid_t)n;
	*gid = p ? p->pw_gid : (gid_t)n;
	return p || number;
}

enum err users_find(struct users *u, const char *text, char why[static USERS_WHY])
{
	char names[USERS_TEXT], *rest = NULL;
	struct users found = { .n = 0 };
	gid_t gid;

	u->n = 0;
	snprintf(names, sizeof names, "%s", text);
	for (char *name = strtok_r(names, " ,", &rest); name; name = strtok_r(NULL, " ,", &rest)) {
		if (found.n == USERS_MAX) {
			snprintf(why, USERS_WHY, "more than %d users are named for one socket", USERS_MAX);
			return E_ROOM;
		}
		if (!find(&found.uid[found.n++], &gid, name)) {
			snprintf(why, USERS_WHY, "room.conf names the user \"%.40s\", whom this machine does not know", name);
			return E_ROOM;
		}
	}
	*u = found;
	return E_OK;
}

bool users_has(const struct users *u, uid_t uid)
{
	for (unsigned i = 0; i < u->n; i++)
		if (u->uid[i] == uid)
			return true;
	return false;
}

/* Root's process becomes uid, and cannot become anybody else after it. */
static bool drop(uid_t uid, gid_t gid)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	uid_t r, e, s;
	gid_t rg, eg, sg;

	/* What is mapped later would be locked too, and fail at a user's limit: without leave to lock, it is for the walls
	 * to say so. */
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		munlockall();
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return false;
	return !getresuid(&r, &e, &s) && r == uid && e == uid && s == uid && !getresgid(&rg, &eg, &sg) && rg == gid &&
	       eg == gid && sg == gid && !getgroups(0, NULL) && setuid(0) && setgid(0);
}

enum err users_become(const char *name, const char *folder, char why[static USERS_WHY])
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (!find(&uid, &gid, name) || !uid) {
		snprintf(why, USERS_WHY, "room.conf says user = %.40s, who is nobody here, or root", name);
		return E_ROOM;
	}
	if (geteuid() && geteuid() != uid) {
		snprintf(why, USERS_WHY, "room.conf says user = %.40s, and this is another: start it as that user, or as root",
			 name);
		return E_DENIED;
	}
	if (stat(folder, &st) || st.st_uid != uid) {
		snprintf(why, USERS_WHY, "the room's folder does not belong to the user %.40s: chown -R", name);
		return E_ROOM;
	}
	if (!geteuid() && !drop(uid, gid)) {
		snprintf(why, USERS_WHY, "root's rights could not be given up: %s", strerror(errno));
		return E_DENIED;
	}
	return E_OK;
}
