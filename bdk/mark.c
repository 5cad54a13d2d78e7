#include "bdk/mark.h"
#include "base/hex.h"
#include "base/host/file.h"
#include "bdk/lease.h"
#include "bdk/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char magic[] = "keyroom-mark 1\n", on_token[] = "the mark on the token",
		  outside[] = "the mark outside the room";
/* Numbers that the journal keeps: how far both marks are durable; that this journal comes out of a backup; whose it is, 63 bits of
 * the room's identity. */
static const char marked[] = "marked", restored[] = "restored", owner[] = "owner";

/* --- Bytes and text ----------------------------------------------------------------------------------------------- */

static void mark_bytes(uint8_t out[static MARK_BYTES], const struct mark *m)
{
	put_be64(out, m->number);
	put_be64(out + 8, m->count);
	memcpy(out + 16, m->hash, 32);
	put_be64(out + 48, m->epoch);
}

static struct mark mark_of(const uint8_t in[static MARK_BYTES])
{
	struct mark m = { .number = get_be64(in), .count = get_be64(in + 8), .epoch = get_be64(in + 48) };

	memcpy(m.hash, in + 16, 32);
	return m;
}

/* One line: six characters of name, then hex. Returns its length. */
static size_t put_line(char *out, const char name[static 6], const uint8_t *p, size_t len)
{
	memcpy(out, name, 6);
	hex_encode(out + 6, p, len);
	memcpy(out + 6 + 2 * len, "\n", 2);
	return 6 + 2 * len + 1;
}

/* The last line, which is written by itself too. */
static size_t put_last(char *out, uint64_t count, const uint8_t hash[static 32])
{
	uint8_t b[40];

	put_be64(b, count);
	memcpy(b + 8, hash, 32);
	return put_line(out, "last  ", b, sizeof b);
}

void mark_print(char out[static MARK_FILE + 1], const struct mark_file *f)
{
	uint8_t claim[MARK_BYTES];
	size_t n = sizeof magic - 1;

	mark_bytes(claim, &f->claim);
	memcpy(out, magic, n);
	n += put_line(out + n, "room  ", f->room, sizeof f->room);
	n += put_line(out + n, "claim ", claim, sizeof claim);
	put_last(out + n, f->last_count, f->last_hash);
}

static bool get_line(uint8_t *p, size_t len, const char **text, const char name[static 6])
{
	const char *t = *text;
	size_t n = 0;

	*text = t + 6 + 2 * len + 1;
	return !memcmp(t, name, 6) && !hex_decode(p, &n, len, t + 6, 2 * len) && n == len && t[6 + 2 * len] == '\n';
}

enum err mark_parse(struct mark_file *f, struct span text)
{
	uint8_t claim[MARK_BYTES], last[40];
	const char *t = (const char *)text.p + sizeof magic - 1;
	struct mark_file o;

	if (text.len != MARK_FILE || memcmp(text.p, magic, sizeof magic - 1) != 0 ||
	    !get_line(o.room, sizeof o.room, &t, "room  ") || !get_line(claim, sizeof claim, &t, "claim ") ||
	    !get_line(last, sizeof last, &t, "last  "))
		return E_FORMAT;
	o.claim = mark_of(claim);
	o.last_count = get_be64(last);
	memcpy(o.last_hash, last + 8, sizeof o.last_hash);
	*f = o;
	return E_OK;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* SoftHSM writes its objects without a sync. */
static enum err sync_folder(const char *path, int depth)
{
	char below[PATH_MAX];
	struct dirent *x;
	DIR *d = opendir(path);
	enum err e = d ? E_OK : E_IO;

	while (!e && (x = readdir(d))) {
		struct stat is;
		int fd;

		if (x->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, x->d_name) >= (int)sizeof below) {
			e = E_IO;
			break;
		}
		fd = open(below, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &is)) /* not every file system says in d_type what it is */
			e = errno == ENOENT ? E_OK : E_IO; /* another worker's, gone since */
		else if (S_ISDIR(is.st_mode))
			e = depth ? sync_folder(below, depth - 1) : E_OK;
		else if (fsync(fd))
			e = E_IO;
		if (fd >= 0)
			close(fd);
	}
	if (!e && fsync(dirfd(d)))
		e = E_IO;
	if (d)
		closedir(d);
	return e;
}

static void lock_path(char out[static sizeof(((struct marks *)0)->path)], const struct room *r)
{
	snprintf(out, sizeof r->mark.path, "%.*s.lock", (int)(strlen(r->mark.path) - 5), r->mark.path);
}

/* Loading is locked, for this reason. Returns false. */
static bool lock_up(struct room *r, const char *why, ...) __attribute__((format(printf, 2, 3)));
static bool lock_up(struct room *r, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	vsnprintf(r->mark.locked, sizeof r->mark.locked, why, ap);
	va_end(ap);
	r->mark.agree = false;
	return false;
}

/* Somebody else writes the marks. */
static enum err lock_out(struct room *r, const char *which)
{
	lock_up(r, "%s is not the one this room wrote: a copy of this room is being served", which);
	return E_LOCKED;
}

static enum err write_on_token(struct room *r, const struct mark *m)
{
	uint8_t bytes[MARK_BYTES], known[MARK_BYTES], tried[MARK_BYTES];
	char path[PATH_MAX + 8];
	struct worker *w;
	enum err e = room_worker(&w, r);

	mark_bytes(bytes, m);
	mark_bytes(known, &r->mark.token);
	mark_bytes(tried, &r->mark.tried);
	r->mark.tried = *m;
	if (!e)
		e = worker_set_mark(w, bytes, known, tried);
	if (e == E_DENIED)
		return lock_out(r, on_token);
	if (!e)
		r->mark.token = *m;
	snprintf(path, sizeof path, "%s/token", r->dir);
	if (!e && room_config_softhsm(&r->config))
		e = sync_folder(path, 1);
	return e;
}

/* The lock is one that a copy would find, and the file is the one this room wrote. */
static enum err check_outside(struct room *r)
{
	uint8_t text[MARK_FILE + 1];
	char lock[sizeof r->mark.path];
	struct stat held, there;
	struct mark_file f;
	size_t len = 0;
	enum err e;

	lock_path(lock, r);
	if (fstat(r->mark.lock, &held))
		return E_IO;
	if (!held.st_nlink || (!stat(lock, &there) && (there.st_ino != held.st_ino || there.st_dev != held.st_dev))) {
		lock_up(r, "the lock of this room was removed, a copy may be served: %.160s", lock);
		return E_LOCKED;
	}
	e = file_read(text, &len, sizeof text, r->mark.path);
	if (e == E_IO)
		return errno == ENOENT && !r->mark.outside.number ? E_OK : E_IO;
	if (e || mark_parse(&f, (struct span){ text, len }) || memcmp(f.room, r->mark.room, sizeof f.room) != 0 ||
	    f.claim.number != r->mark.outside.number || f.claim.count != r->mark.outside.count ||
	    memcmp(f.claim.hash, r->mark.outside.hash, sizeof f.claim.hash) != 0)
		return lock_out(r, outside);
	return E_OK;
}

static enum err write_outside(struct room *r, const struct mark *m)
{
	struct mark_file f = { .claim = *m, .last_count = m->count };
	char text[MARK_FILE + 1];
	enum err e = check_outside(r);

	if (e)
		return e;
	memcpy(f.room, r->mark.room, sizeof f.room);
	memcpy(f.last_hash, m->hash, sizeof f.last_hash);
	mark_print(text, &f);
	if (r->mark.file >= 0)
		close(r->mark.file);
	r->mark.file = -1;
	e = file_write(r->mark.path, (struct span){ (const uint8_t *)text, MARK_FILE }, 0600);
	if (e)
		return e;
	r->mark.outside = *m;
	r->mark.file = open(r->mark.path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return E_OK;
}

/* The journal's newest audit record becomes both marks. */
static enum err write_marks(struct room *r, char why[static MARK_WHY])
{
	struct mark m = { .number = r->mark.number + 1 };
	struct audit head;
	uint64_t floor = 0;
	enum err e = journal_audit_head(&head, r->journal);

	if (!e)
		e = journal_lease_epoch(&m.epoch, r->journal);
	if (!e)
		e = lease_floor(&floor, r->journal);
	if (e)
		return e;
	if (m.epoch < floor)
		m.epoch = floor;
	m.count = head.sequence;
	memcpy(m.hash, head.hash, sizeof m.hash);
	r->mark.number = m.number;
	e = write_on_token(r, &m);
	if (e)
		snprintf(why, MARK_WHY, "%s cannot be written", on_token);
	else if ((e = write_outside(r, &m)))
		snprintf(why, MARK_WHY, "%s cannot be written: %.150s: %s", outside, r->mark.path, strerror(errno));
	if (e == E_LOCKED)
		snprintf(why, MARK_WHY, "%s", r->mark.locked);
	return e ? e : journal_set_number(r->journal, marked, m.count);
}

/* --- At start ----------------------------------------------------------------------------------------------------- */

static bool journal_failed(struct room *r)
{
	return lock_up(r, "the journal could not be read");
}

bool mark_folder(char out[static MARK_FOLDER], const struct room_config *c, const char *dir)
{
	snprintf(out, MARK_FOLDER, "%s%s", c->mark[0] ? c->mark : dir, c->mark[0] ? "" : ".mark");
	return !access(out, F_OK) || !mkdir(out, 0700);
}

/* Where the mark outside is. */
static bool find_place(struct room *r)
{
	uint8_t point[P256_POINT];
	char folder[MARK_FOLDER], id[17];
	struct worker *w;

	snprintf(folder, sizeof folder, "%s%s", r->config.mark[0] ? r->config.mark : r->dir,
		 r->config.mark[0] ? "" : ".mark");
	if (room_worker(&w, r) || worker_point(w, point, "records") || p256_spki_digest(r->mark.room, point))
		return lock_up(r, "the token does not say whose it is");
	hex_encode(id, r->mark.room, 8);
	if (snprintf(r->mark.path, sizeof r->mark.path, "%s/%s.mark", folder, id) >= (int)sizeof r->mark.path)
		return lock_up(r, "the path of the mark outside the room is too long: name another with mark in room.conf");
	return true;
}

static bool take_lock(struct room *r)
{
	char path[sizeof r->mark.path];

	lock_path(path, r);
	r->mark.lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->mark.lock < 0 && errno == ENOENT)
		return lock_up(r, "%s is missing: %.200s", outside, r->mark.path);
	if (r->mark.lock < 0)
		return lock_up(r, "%s cannot be opened: %.160s: %s", outside, path, strerror(errno));
	/* A bdkd that was killed may leave it to a worker for a moment. */
	for (int tries = 0; tries < 50; tries++) {
		if (!flock(r->mark.lock, LOCK_EX | LOCK_NB))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return lock_up(r, "a copy of this room is being served: it holds %.200s", path);
}

/* Is it this room's journal? One that is no backup belongs to the room that it is opened in first. */
static bool check_owner(struct room *r, bool backup)
{
	uint64_t own = get_be64(r->mark.room) >> 1, is = 0;

	if (journal_number(&is, r->journal, owner))
		return journal_failed(r);
	if (is == own)
		return true;
	if (is || backup)
		return lock_up(r, "the journal is another room's%s", backup ? " backup: put journal.db.before back in its place" : "");
	return !journal_set_number(r->journal, owner, own) || journal_failed(r);
}

/* Both marks; one that is not there counts nothing. may_miss: there may be none yet. */
static bool read_marks(struct room *r, struct mark *token, struct mark_file *file, bool may_miss)
{
	uint8_t bytes[MARK_BYTES], text[MARK_FILE + 1];
	size_t len = 0;
	struct worker *w;
	enum err e = room_worker(&w, r);

	memset(token, 0, sizeof *token);
	memset(file, 0, sizeof *file);
	if (!e)
		e = worker_mark(w, bytes);
	if (!e)
		*token = mark_of(bytes);
	else if (e != E_KEY)
		return lock_up(r, "%s cannot be read", on_token);
	else if (!may_miss)
		return lock_up(r, "%s is missing", on_token);
	e = file_read(text, &len, sizeof text, r->mark.path);
	if (e == E_IO && errno == ENOENT && may_miss)
		return true;
	if (e == E_IO)
		return lock_up(r, errno == ENOENT ? "%s is missing: %.200s" : "%s cannot be read: %.200s", outside,
			       r->mark.path);
	if (e || mark_parse(file, (struct span){ text, len }))
		return lock_up(r, "%s is damaged: %.200s", outside, r->mark.path);
	if (memcmp(file->room, r->mark.room, sizeof file->room) != 0)
		return lock_up(r, "%s is another room's: %.200s", outside, r->mark.path);
	return true;
}

/* Is this record the journal's, and none before least? */
static bool agrees(struct room *r, const char *witness, uint64_t count, const uint8_t hash[static 32], uint64_t least)
{
	struct audit a = { .sequence = 0 }, head;

	if (journal_audit_head(&head, r->journal) ||
	    (count && count <= head.sequence && journal_audit_next(&a, r->journal, count - 1)))
		return journal_failed(r);
	if (count > head.sequence)
		return lock_up(r, "%s knows audit record %llu, the journal ends with %llu: an older journal was put back",
			       witness, (unsigned long long)count, (unsigned long long)head.sequence);
	if (memcmp(a.hash, hash, sizeof a.hash) != 0)
		return lock_up(r, "%s and the journal have different audit records %llu", witness,
			       (unsigned long long)count);
	if (count < least)
		return lock_up(r, "%s is an older one: it knows audit record %llu, and knew %llu before", witness,
			       (unsigned long long)count, (unsigned long long)least);
	return true;
}

/*
 * The journal is a backup's: what was issued after it is not in it. It becomes the truth again, and every lease up to the
 * highest epoch that anybody here has seen is void. Only when the marks are the journal's is it no longer a backup's.
 */
static bool adopt(struct room *r)
{
	const struct mark *t = &r->mark.token, *o = &r->mark.outside;
	uint64_t epoch = t->epoch > o->epoch ? t->epoch : o->epoch;
	char why[MARK_WHY] = "the journal could not be written", object[40], reason[160];

	if (lease_void(&epoch, r))
		return lock_up(r, "%s", why);
	/* What a mark that is gone had seen, nobody knows: people have to raise the epoch high enough. */
	snprintf(reason, sizeof reason, "restored from a backup%s%s%s%s", t->count ? "" : "; missing: ", t->count ? "" : on_token,
		 o->count ? "" : "; missing: ", o->count ? "" : outside);
	if (!t->count || !o->count)
		fprintf(stderr, "bdkd: warning: %s: leases of epochs above %llu may have been in force\n", reason,
			(unsigned long long)epoch);
	snprintf(object, sizeof object, "leases up to epoch %llu", (unsigned long long)epoch);
	if (journal_audit(r->journal, "bdkd", "void", object, reason) || write_marks(r, why) ||
	    journal_set_number(r->journal, restored, 0))
		return lock_up(r, "%s", why);
	return true;
}

/* There is no journal of before yet, and so no mark of it. */
static bool begin_marks(struct room *r)
{
	char why[MARK_WHY] = "the journal could not be written";

	if (journal_audit(r->journal, "bdkd", "mark", "the first", "") || write_marks(r, why))
		return lock_up(r, "%s", why);
	return true;
}

enum err mark_backup(struct journal *j)
{
	return journal_set_number(j, restored, 1);
}

enum err mark_is_backup(bool *yes, struct journal *j)
{
	uint64_t is = 0;
	enum err e = journal_number(&is, j, restored);

	*yes = is;
	return e;
}

void mark_open(struct room *r)
{
	uint64_t least = 0;
	bool backup = false;
	struct mark token;
	struct mark_file file;

	r->mark = (struct marks){ .lock = -1, .file = -1 };
	if (r->config.purpose != ROOM_LOAD)
		return;
	if (journal_number(&least, r->journal, marked) || mark_is_backup(&backup, r->journal)) {
		journal_failed(r);
		return;
	}
	if (!find_place(r) || !take_lock(r) || !check_owner(r, backup) || !read_marks(r, &token, &file, !least || backup))
		return;
	r->mark.token = token;
	r->mark.outside = file.claim;
	r->mark.number = token.number > file.claim.number ? token.number : file.claim.number;
	if (backup) {
		r->mark.agree = adopt(r);
		return;
	}
	if (!agrees(r, on_token, token.count, token.hash, least) ||
	    !agrees(r, outside, file.claim.count, file.claim.hash, least) ||
	    !agrees(r, outside, file.last_count, file.last_hash, least))
		return;
	if (journal_skip(r->journal)) {
		journal_failed(r);
		return;
	}
	if (least)
		r->mark.file = open(r->mark.path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	r->mark.agree = least || begin_marks(r);
}

/* --- While it is served ------------------------------------------------------------------------------------------- */

bool mark_permits(struct room *r, const struct key_set_id *set, uint32_t id, uint32_t last)
{
	struct marks *m = &r->mark;
	struct claim c;

	if (m->agree && !m->due && !journal_claimed(&c, r->journal, set) && id >= c.first && id <= c.last)
		return true;
	m->set = *set;
	m->first = id;
	m->last = last - id < MARK_BLOCK ? last : id + MARK_BLOCK - 1;
	return false;
}

enum err mark_claim(struct room *r, char why[static MARK_WHY])
{
	struct marks *m = &r->mark;
	const struct claim c = { m->set, m->first, m->last };
	char object[64], set[KEY_SET_TEXT];
	enum err e;

	if (!m->agree) {
		snprintf(why, MARK_WHY, "%s", m->locked);
		return E_LOCKED;
	}
	key_set_text(set, &c.set);
	snprintf(object, sizeof object, "%s %lu-%lu", set, (unsigned long)c.first, (unsigned long)c.last);
	e = journal_begin(r->journal);
	if (!e)
		e = journal_claim(r->journal, &c);
	if (!e)
		e = journal_audit(r->journal, "bdkd", "claim", object, "");
	if (e) {
		journal_rollback(r->journal);
		return e;
	}
	m->due = true;
	e = journal_commit(r->journal);
	if (!e)
		e = journal_durable(r->journal);
	if (!e)
		e = write_marks(r, why);
	if (!e)
		m->due = false;
	return e;
}

void mark_note(struct room *r)
{
	char line[6 + 80 + 2];
	struct audit head;
	size_t len;

	if (r->mark.file < 0 || journal_audit_head(&head, r->journal))
		return;
	len = put_last(line, head.sequence, head.hash);
	/* If it cannot be written, less would show after the next crash; nothing is issued that would not be. */
	if (pwrite(r->mark.file, line, len, MARK_LAST) != (ssize_t)len) {
		close(r->mark.file);
		r->mark.file = -1;
	}
}

void mark_stop(struct room *r)
{
	char why[MARK_WHY];
	enum err e;

	if (!r->mark.agree)
		return;
	e = journal_begin(r->journal);
	if (!e)
		e = journal_claims_end(r->journal);
	if (!e)
		e = journal_audit(r->journal, "bdkd", "mark", "at rest", "");
	if (e) {
		journal_rollback(r->journal);
		return;
	}
	/* What is not written now, the next start does. */
	if (journal_commit(r->journal) || write_marks(r, why))
		return;
}

void mark_close(struct room *r)
{
	if (r->mark.lock >= 0)
		close(r->mark.lock);
	if (r->mark.file >= 0)
		close(r->mark.file);
	r->mark.lock = r->mark.file = -1;
	r->mark.agree = false;
}
