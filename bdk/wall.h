/*
 * The walls around the processes of bdkd. guard_secrets() begins them at the top of main(); wall_build() makes sure of
 * those and adds the rest, from the inside, for good: what a process did not lock out it cannot be made to do.
 *
 *     memory      mlockall(): nothing secret reaches the swap
 *     core        RLIMIT_CORE 0
 *     trace       not dumpable: no ptrace and no /proc/PID/mem for others of the same user
 *     privileges  no_new_privs: what it executes gains none
 *     files       Landlock: writes and makes files below the folders it is given, and nowhere else; executes nothing
 *                 but bdkd itself
 *     calls       seccomp: the system calls in wall.c's table, and no others. There is no network in it: sockets are
 *                 AF_UNIX. A call that has no row is not made; the process names it on standard error and ends.
 *
 * The supervisor starts workers and parsers, and these inherit its walls; so its table has what they need until they
 * stand, and each then builds its own, which is narrower: no socket, no process, no new code in memory; a parser opens
 * no file either.
 */
#ifndef KEYROOM_BDK_WALL_H
#define KEYROOM_BDK_WALL_H

#include "base/err.h"

#include <stdbool.h>

#define WALL_WHY 320

enum wall_around {
	WALL_SUPERVISOR = 1,	/* once room.conf is read and the process is the room's user; before any worker */
	WALL_WORKER = 2,	/* once the module is loaded and logged in to */
	WALL_PARSER = 4		/* once the library that parses is ready */
};

/*
 * wall_build - every wall, around this process and those it starts, until they end
 *
 *   writable  in   folders that it writes below, NULL last; NULL where nobody told them: that wall is missing then
 *   strict    in   a production room's process: a wall that cannot be built is an error
 *   why       out  which walls are missing, each with the setting to change; "" if none
 *
 *   E_OK, E_DENIED (strict, and at least one is missing: end the process)
 *
 * Shown by tests/bdk/wall_test.c and tests/system/walls.sh.
 */
MUST_USE enum err wall_build(enum wall_around who, const char *const writable[], bool strict, char why[static WALL_WHY]);

/* wall_watch - a call that seccomp stops is named on standard error, and the process ends with EX_SOFTWARE. wall_build()
 * does it; a process that was executed behind another's walls does it first thing. */
void wall_watch(enum wall_around who);

#endif
