/*
 * Preloaded into bdkd, which takes it along to its workers: adds up where the time goes (tests/bench/parts.h), and with
 * $KEYROOM_TOKEN_MS makes SoftHSM a slow token, as one behind a network is: each call that such a token answers comes
 * that much later. The others are not slowed down.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tests/bench/parts.h"
#include "tests/shim/carry.h"

#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <p11-kit/pkcs11.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static struct parts *parts;
static long token_ns;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("KEYROOM_PARTS"), *ms = getenv("KEYROOM_TOKEN_MS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *parts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	parts = p == MAP_FAILED ? NULL : p;
	token_ns = ms ? atol(ms) * 1000000 : 0;
	if (fd >= 0)
		close(fd);
}

static uint64_t clock_of(enum part part)
{
	struct timespec t;

	clock_gettime(part == PART_DISK ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void add(enum part part, uint64_t since)
{
	if (parts) {
		__atomic_add_fetch(&parts->of[part].ns, clock_of(part) - since, __ATOMIC_RELAXED);
		__atomic_add_fetch(&parts->of[part].calls, 1, __ATOMIC_RELAXED);
	}
}

/* --- The supervisor ----------------------------------------------------------------------------------------------- */

int fdatasync(int fd)
{
	uint64_t t = clock_of(PART_DISK);
	int bad = (int)syscall(SYS_fdatasync, fd);

	add(PART_DISK, t);
	return bad;
}

int sqlite3_step(sqlite3_stmt *statement)
{
	static int (*next)(sqlite3_stmt *);
	uint64_t t = clock_of(PART_JOURNAL);
	int rc;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_step");
	rc = next(statement);
	add(PART_JOURNAL, t);
	return rc;
}

int ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key)
{
	static int (*next)(const unsigned char *, int, const ECDSA_SIG *, EC_KEY *);
	uint64_t t = clock_of(PART_VERIFY);
	int ok;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ECDSA_do_verify");
	ok = next(digest, len, sig, key);
	add(PART_VERIFY, t);
	return ok;
}

/* --- The token: SoftHSM's functions, some of them by way of these ------------------------------------------------- */

static CK_FUNCTION_LIST *real;

#define TIMED(part, name, parameters, arguments)                                                                       \
	static CK_RV timed_##name parameters                                                                           \
	{                                                                                                              \
		uint64_t t;                                                                                            \
		CK_RV rv;                                                                                              \
                                                                                                                       \
		if (token_ns)                                                                                          \
			nanosleep(&(struct timespec){ token_ns / 1000000000, token_ns % 1000000000 }, NULL);            \
		t = clock_of(part);                                                                                    \
		rv = real->name arguments;                                                                             \
		add(part, t);                                                                                          \
		return rv;                                                                                             \
	}

TIMED(PART_PAIR, C_GenerateKeyPair,
      (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG n, CK_ATTRIBUTE *b, CK_ULONG k,
       CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv),
      (s, m, a, n, b, k, pub, priv))
TIMED(PART_DERIVE, C_DeriveKey,
      (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *key),
      (s, m, base, a, n, key))
TIMED(PART_KDF, C_Encrypt, (CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len),
      (s, in, n, out, len))
TIMED(PART_WRAP, C_WrapKey,
      (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *len),
      (s, m, kek, key, out, len))
TIMED(PART_SIGN, C_Sign, (CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len),
      (s, in, n, out, len))
TIMED(PART_OBJECTS, C_FindObjects, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG most, CK_ULONG *n), (s, o, most, n))
TIMED(PART_OBJECTS, C_GetAttributeValue, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n),
      (s, o, a, n))
TIMED(PART_OBJECTS, C_DestroyObject, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o), (s, o))

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	static CK_FUNCTION_LIST timed;

	timed = *real;
	timed.C_GenerateKeyPair = timed_C_GenerateKeyPair;
	timed.C_DeriveKey = timed_C_DeriveKey;
	timed.C_Encrypt = timed_C_Encrypt;
	timed.C_WrapKey = timed_C_WrapKey;
	timed.C_Sign = timed_C_Sign;
	timed.C_FindObjects = timed_C_FindObjects;
	timed.C_GetAttributeValue = timed_C_GetAttributeValue;
	timed.C_DestroyObject = timed_C_DestroyObject;
	*list = &timed;
	return CKR_OK;
}

/* Whoever opens the module gets this. */
void *dlopen(const char *path, int flags)
{
	static void *(*next)(const char *, int);
	CK_C_GetFunctionList list;
	void *module;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "dlopen");
	module = next(path, flags);
	if (!module || !path || !strstr(path, "libsofthsm2.so"))
		return module;
	list = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
	return list && list(&real) == CKR_OK ? next(NULL, RTLD_NOW) : NULL;
}
