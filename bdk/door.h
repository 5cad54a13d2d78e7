/*
 * A room's doors: its sockets, one a role, and the users that each is open to. A door that names no user is open to the
 * room's own. Root may always come in, since it can be any user anyway.
 *
 * Three things keep the others out: the socket's rights (0600 of the room's user, an access list entry for each user
 * that is named), those of the room's folder (0700, and for these users the right to pass through, not to look), and
 * the peer's uid, which the server asks the kernel for when somebody comes in.
 */
#ifndef KEYROOM_BDK_DOOR_H
#define KEYROOM_BDK_DOOR_H

#include "bdk/room.h"
#include "bdk/users.h"

enum role { ROLE_PEOPLE = 0, ROLE_STATION = 1, ROLE_ACQUIRER = 2, ROLES = 3 };

struct door {
	struct users users;
	int listener; /* -1: not open (yet) */
	bool handed;  /* it was made by systemd, which keeps it */
};

/* door_name - "people", "station", "acquirer"; the socket's file has ".sock" behind it */
const char *door_name(enum role role);

/* door_there - does a room of that purpose have this door? */
bool door_there(enum role role, enum room_purpose purpose);

/*
 * doors_find - who may come in, by room.conf; and the sockets that systemd has made (sd_listen_fds(3)), by their names
 *
 *   E_OK, E_ROOM (users_find()'s; a socket of another name or kind was handed over)
 */
MUST_USE enum err doors_find(struct door door[static ROLES], const struct room_config *c, char why[static ROOM_WHY]);

/*
 * doors_open - make the sockets that are not there yet, in the room's folder, for these users; let them through the
 * folder
 *
 *   dir  in  the folder, whose lock this process holds: an old socket is replaced
 *
 *   E_OK, E_IO (why; nothing stays open that was not before)
 */
MUST_USE enum err doors_open(struct door door[static ROLES], const char *dir, enum room_purpose purpose,
			     char why[static ROOM_WHY]);

/* doors_close - and remove the sockets from the folder, but for those that were handed over */
void doors_close(struct door door[static ROLES], const char *dir);

#endif
