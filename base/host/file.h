/*
 * Whole files: read at once, written at once and durably.
 */
#ifndef KEYROOM_BASE_HOST_FILE_H
#define KEYROOM_BASE_HOST_FILE_H

#include "base/bytes.h"

#include <sys/types.h>

/*
 * file_read - a whole file, or standard input for "-"
 *
 *   out  out  at most size bytes
 *   len  out  how many
 *
 *   E_OK, E_IO (errno says why), E_SPACE (longer than size)
 */
MUST_USE enum err file_read(uint8_t *out, size_t *len, size_t size, const char *path);

/*
 * file_write - a new file, or an old one replaced: the old content or the new, never a mixture, also after a power cut
 * (written beside it, fsynced, renamed, folder fsynced). E_OK, E_IO (errno says why; nothing changed)
 */
MUST_USE enum err file_write(const char *path, struct span content, mode_t mode);

/* file_sync_folder - a new file's name has to survive a loss of power too: sync the folder that holds it. E_OK, E_IO
 * (errno says why) */
MUST_USE enum err file_sync_folder(const char *path);

#endif
