#include "bdk/login.h"
#include "base/host/file.h"
#include "base/wipe.h"

#include <sys/mman.h>

enum { PAGE = 4096 };
_Static_assert(LOGIN_MAX <= PAGE, "a PIN is on one page");

enum err login_page(struct login *p)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p->page = NULL;
	p->len = 0;
	if (page == MAP_FAILED)
		return E_INTERNAL;
	mlock(page, PAGE);
	if (madvise(page, PAGE, MADV_DONTFORK) || madvise(page, PAGE, MADV_DONTDUMP)) {
		munmap(page, PAGE);
		return E_INTERNAL;
	}
	p->page = page;
	return E_OK;
}

enum err login_read(struct login *p, const char *path)
{
	size_t len = 0;
	enum err e = login_page(p);

	if (!e && file_read(p->page, &len, LOGIN_MAX, path))
		e = E_ROOM;
	len -= !e && len && p->page[len - 1] == '\n';
	if (!e && (!len || len >= LOGIN_MAX))
		e = E_ROOM;
	p->len = e ? 0 : len;
	return e;
}

struct span login_span(const struct login *p)
{
	return (struct span){ p->page, p->len };
}

void login_wipe(struct login *p)
{
	if (!p->page)
		return;
	wipe(p->page, PAGE);
	munmap(p->page, PAGE);
	p->page = NULL;
	p->len = 0;
}
