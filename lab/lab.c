#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/wipe.h"
#include "lab/stream.h"
#include "lab/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What goes through these is secret: they are wiped. */
static char in_buffer[65536], out_buffer[65536];

/* One file after the other, or standard input */
static int answer(const char *command, int operands, char **operand)
{
	char *standard[] = { (char[]){ "-" } };
	unsigned long count = 0;
	enum err e, first = E_OK;
	bool locked;
	int status = 0;

	/* Test keys are what this process sees; not being locked is no reason to refuse. */
	e = guard_secrets(&locked);
	if (e)
		return fail_say(e, "walls of this process");
	if (!operands) {
		operands = 1;
		operand = standard;
	}
	setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
	for (int i = 0; i < operands && !status; i++) {
		const bool std = !strcmp(operand[i], "-");
		const char *name = std ? "standard input" : operand[i];
		FILE *in = std ? stdin : fopen(operand[i], "re");

		if (!in) {
			status = fail_why(E_IO, strerror(errno), "", "%s", name);
			break;
		}
		setvbuf(in, in_buffer, _IOFBF, sizeof in_buffer);
		if (stream_answer(stdout, in, command, &first, &count))
			status = fail_why(E_IO, strerror(errno), "", "%s", ferror(stdout) ? "standard output" : name);
		wipe(in_buffer, sizeof in_buffer);
		if (!std)
			fclose(in);
	}
	wipe(out_buffer, sizeof out_buffer);
	if (!status && !count)
		status = fail_why(E_SHORT, "no stanza in it", "key = value lines, a blank line after each stanza", "%s",
				  operands == 1 && strcmp(operand[0], "-") ? operand[0] : "input");
	return status ? status : err_exit(first);
}

static int derive(int operands, char **operand)
{
	return answer("derive", operands, operand);
}

static int ksn(int operands, char **operand)
{
	return answer("ksn", operands, operand);
}

static int pinblock(int operands, char **operand)
{
	return answer("pinblock", operands, operand);
}

static int mac(int operands, char **operand)
{
	return answer("mac", operands, operand);
}

static int data(int operands, char **operand)
{
	return answer("data", operands, operand);
}

static int keyblock(int operands, char **operand)
{
	return answer("keyblock", operands, operand);
}

static int primitive(int operands, char **operand)
{
	return answer("primitive", operands, operand);
}

static int each(int operands, char **operand)
{
	return answer(NULL, operands, operand);
}

static const struct command commands[] = {
	{ "derive", "[FILE...]", "Derive all keys of a transaction from a BDK or an initial key and a KSN.", NULL, 0,
	  -1, derive },
	{ "ksn", "[FILE...]", "Explain KSNs: key set, device, counter, keys left, next counter.", NULL, 0, -1, ksn },
	{ "pinblock", "[FILE...]", "Make and open PIN blocks of formats 0 to 4, and say why one is malformed.", NULL, 0,
	  -1, pinblock },
	{ "mac", "[FILE...]", "Compute retail MACs, CMACs and HMACs.", NULL, 0, -1, mac },
	{ "data", "[FILE...]", "Encrypt and decrypt data.", NULL, 0, -1, data },
	{ "keyblock", "[FILE...]", "Explain, open and make X9.143 (TR-31) key blocks.", NULL, 0, -1, keyblock },
	{ "primitive", "[FILE...]",
	  "Compute what the loading protocol is made of: hash, ECDH, ECDSA, KDF, key wrap, DRBG.", NULL, 0, -1,
	  primitive },
	{ "answer", "[FILE...]", "Answer stanzas whose field \"command\" names one of the above.", NULL, 0, -1, each },
	{ "validate", "[FILE...]", "Hold this implementation, a program or a terminal against the vectors.",
	  validate_opts, 0, -1, validate },
	{ NULL, NULL, NULL, NULL, 0, 0, NULL },
};

int main(int argc, char **argv)
{
	return opt_run_commands(
		commands, "lab",
		"Calculators and validation for test labs. Questions and answers are stanzas: key = value "
		"lines, a blank line after each. For test keys.",
		argc, argv);
}
