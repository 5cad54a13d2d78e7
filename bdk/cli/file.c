#include "bdk/cli/cli.h"
#include "base/host/fail.h"
#include "base/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

enum { RESERVED = 4096 }; /* bytes: no package or key block is longer */

bool cli_read(uint8_t *out, size_t *len, size_t size, const char *path, int *status)
{
	enum err e = file_read(out, len, size, path);

	if (e == E_SPACE)
		*status = fail_why(E_FORMAT, "too long for what it should be", "check the name", "%s", path);
	else if (e)
		*status = fail_why(e, strerror(errno), "", "%s", path);
	return !e;
}

bool cli_reserve(const char *path, int *status)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), bad;

	if (fd < 0) {
		*status = fail_why(errno == EEXIST ? E_EXISTS : E_IO, strerror(errno), "choose another name",
				   "--out %s", path);
		return false;
	}
	bad = posix_fallocate(fd, 0, RESERVED);
	close(fd);
	if (bad) {
		unlink(path);
		*status = fail_why(E_IO, strerror(bad), "choose another place", "--out %s", path);
	}
	return !bad;
}

bool cli_fill(const char *path, struct span bytes, const char *hint, int *status)
{
	if (!truncate(path, 0) && !file_write(path, bytes, 0600))
		return true;
	*status = fail_why(E_IO, strerror(errno), hint, "--out %s", path);
	return false;
}

int cli_pem_out(const char *type, struct span der, const char *comment)
{
	if (comment)
		printf("# %s\n", comment);
	if (!PEM_write(stdout, type, "", der.p, (long)der.len) || fflush(stdout))
		return fail_why(E_IO, strerror(errno), "", "standard output");
	return 0;
}

bool cli_pem_in(struct span der[], size_t n, uint8_t *out, size_t size, const char *type, const char *path, int *status)
{
	static uint8_t text[2 * 1024 * 1024];
	size_t len = 0, found = 0, used = 0;
	bool fits = true;
	char *name, *header;
	unsigned char *data;
	long got;
	BIO *b;

	if (!cli_read(text, &len, sizeof text, path, status))
		return false;
	b = BIO_new_mem_buf(text, (int)len);
	while (b && PEM_read_bio(b, &name, &header, &data, &got)) {
		if (!strcmp(name, type)) {
			fits = fits && found < n && (size_t)got <= size - used;
			if (fits) {
				memcpy(out + used, data, (size_t)got);
				der[found] = (struct span){ out + used, (size_t)got };
				used += (size_t)got;
			}
			found++;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	BIO_free(b);
	if (found != n || !fits) {
		char why[80];

		snprintf(why, sizeof why, "should hold %zu PEM block%s \"%s\", holds %zu", n, n == 1 ? "" : "s", type,
			 found);
		*status = fail_why(E_FORMAT, why, "check the name", "%s", path);
		return false;
	}
	return true;
}
