/* A person's card: pkcs11-tool(1) signs, so that no PKCS#11 module is loaded into bdk, and asks for the card's PIN itself. */
#include "bdk/cli/cli.h"
#include "base/host/fail.h"
#include "crypto/p256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What pkcs11-tool reads and writes: memory, by these names in its process. */
enum { IN = 3, OUT = 4 };

static void run_tool(int in, int out, char *module, char *id)
{
	char *const arg[] = { "pkcs11-tool", "--module", module,	    "--login",		"--sign",      "--mechanism",
			      "ECDSA",	     "--id",	 id, "--input-file", "/proc/self/fd/3", "--output-file", "/proc/self/fd/4",
			      NULL };
	int high_in = fcntl(in, F_DUPFD, OUT + 1), high_out = fcntl(out, F_DUPFD, OUT + 1), tty = open("/dev/tty", O_RDWR);

	/* it asks on its standard output and reads its standard input, which have to be a terminal */
	if (tty >= 0 && dup2(tty, STDIN_FILENO) >= 0 && dup2(tty, STDOUT_FILENO) >= 0 && dup2(high_in, IN) >= 0 &&
	    dup2(high_out, OUT) >= 0)
		execvp(arg[0], arg);
	_exit(127);
}

bool cli_card_sign(uint8_t sig[static P256_SIG], const uint8_t digest[static 32], int *status)
{
	const char *named = getenv("KEYROOM_CARD");
	char card[1024], *id;
	int in = -1, out = -1, ended = -1;
	pid_t child;
	bool good = false;

	if (!named || snprintf(card, sizeof card, "%s", named) >= (int)sizeof card || !(id = strrchr(card, ':')) || id == card ||
	    !id[1]) {
		*status = fail_why(E_USAGE, "names the card's module and the key's id, with a colon between them", "set it: bdk(1)",
				   "KEYROOM_CARD");
		return false;
	}
	*id++ = 0;
	in = memfd_create("digest", MFD_CLOEXEC);
	out = memfd_create("signature", MFD_CLOEXEC);
	if (in >= 0 && out >= 0 && write(in, digest, 32) == 32) {
		child = fork();
		if (!child)
			run_tool(in, out, card, id);
		if (child > 0 && waitpid(child, &ended, 0) == child && !ended)
			good = pread(out, sig, P256_SIG, 0) == P256_SIG;
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (good)
		p256_low(sig);
	else
		*status = fail_why(E_SIGNATURE, "it has not signed",
				   ended == 127 << 8 ? "install pkcs11-tool (package opensc), and be at a terminal" :
						       "try it alone: pkcs11-tool --module MODULE --login --list-objects",
				   "the card of KEYROOM_CARD");
	return good;
}
