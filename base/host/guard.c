#include "base/host/guard.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum err guard_secrets(bool *locked)
{
	const struct rlimit none = { 0, 0 };

	*locked = false;
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return E_INTERNAL;
	*locked = !mlockall(MCL_CURRENT | MCL_FUTURE);
	return E_OK;
}
