/*
 * bdkd's own processes: each is this program once more (/proc/self/exe with a hidden first argument), so that it begins
 * with empty memory and not with a copy of the supervisor's. Of the supervisor's descriptors it has standard error, and one
 * end of a socket pair, over which it is told everything it has to know; its input and output are /dev/null. Keyboard and
 * service managers leave it alone; it dies with its supervisor.
 *
 * Records (SOCK_SEQPACKET) go to and fro, one request and one answer at a time. Both ends are this project's code, so
 * what does not parse, and an answer that does not come in time, is a broken process: the supervisor ends it.
 */
#ifndef KEYROOM_BDK_PROCESS_H
#define KEYROOM_BDK_PROCESS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_FD 3 /* in the process: its end of the socket pair */

/* What a process is for. */
enum process { PROCESS_WORKER, PROCESS_PARSER, PROCESS_PROOF };

/*
 * process_main - when this program was started as one of those: be it, and never return. The first line of main(): a
 * program without it can start none.
 */
void process_main(int argc, char **argv);

/*
 * process_start - start one
 *
 *   fd, pid  out  the supervisor's end, and who it is; both -1 on an error
 *   seconds  in   how long a process_send() or process_receive() on fd may take: see process_limit()
 *
 *   E_OK (it was forked: that it is there shows in its first answer), E_INTERNAL
 */
MUST_USE enum err process_start(int *fd, pid_t *pid, enum process what, unsigned seconds);

/* process_limit - another limit. False where it cannot be set */
bool process_limit(int fd, unsigned seconds);

/* process_stop - end it at once and reap it; fd and pid are -1 then. Fine on one that is dead, and where fd is -1. */
void process_stop(int *fd, pid_t *pid);

/* process_send, process_receive - one record; a signal does not disturb it. False: the other end is gone, the time is
 * over, or the record is longer than size or empty. */
bool process_send(int fd, const uint8_t *p, size_t len);
bool process_receive(int fd, uint8_t *p, size_t *len, size_t size);

#endif
