#include "acquirer/recover_answer.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/wipe.h"

#include <errno.h>
#include <string.h>

#define ANSWER_SECONDS 60

static const char *room;

struct work {
	struct client client;
	bool connected;
	struct stanza stanza;
	struct record request;
	enum err first; /* why the first stanza that was refused, or whose MAC is wrong, was */
};

static enum err connect_room(struct work *w)
{
	enum err e = E_OK;

	if (w->connected)
		return E_OK;
	e = client_open(&w->client, room, "acquirer");
	if (!e)
		e = client_patience(&w->client, ANSWER_SECONDS);
	w->connected = !e;
	return e;
}

static void disconnect(struct work *w)
{
	if (w->connected)
		client_close(&w->client);
	w->connected = false;
}

/*
 * Answer one stanza, read being what stanza_read() said of it. E_OK: go on, whatever the answer was; E_UNREACHABLE and
 * what else client_open() says: there is nobody to ask any more.
 */
static enum err answer(struct work *w, enum err read)
{
	char ksn[KSN_TEXT] = "";
	const char *why = err_text(read);
	enum err e = read, lost = E_OK;

	if (!e)
		e = request_of_stanza(&w->request, ksn, &why, &w->stanza);
	if (e) {
		answer_refuse(stdout, ksn, w->stanza.line, why);
		goto done;
	}
	lost = connect_room(w);
	e = lost ? lost : client_call(&w->client, &w->request);
	why = w->client.why;
	if (!e) {
		e = answer_print(stdout, ksn, &w->request, w->client.fields);
		if (!e || e == E_MAC)
			goto done;
		why = "bdkd's answer breaks its format";
	}
	answer_refuse(stdout, ksn, 0, *why ? why : err_text(e));
	if (e == E_UNREACHABLE)
		lost = e;
	/* After these bdkd may have ended the connection. */
	if (e == E_DENIED || e == E_FORMAT)
		disconnect(w);
done:
	if (!w->first)
		w->first = e;
	wipe(&w->request, sizeof w->request);
	return lost;
}

static int decrypt(int operands, char **operand)
{
	static struct work w;
	static char out[16384], input[4096];
	const char *name = operands && strcmp(operand[0], "-") ? operand[0] : "standard input";
	FILE *in = operands && strcmp(operand[0], "-") ? fopen(operand[0], "re") : stdin;
	bool locked, any = false;
	int status = 0;
	enum err e, read;

	if (!in)
		return fail_why(E_IO, strerror(errno), "", "%s", name);
	/* The PINs of test keys are what this process sees; not being locked is no reason to refuse. */
	e = guard_secrets(&locked);
	if (e)
		return fail_say(e, "walls of this process");
	setvbuf(stdout, out, _IOFBF, sizeof out);
	setvbuf(in, input, _IOFBF, sizeof input);
	e = connect_room(&w);
	if (e)
		status = fail_why(e, *w.client.why ? w.client.why : err_text(e), err_hint(e), "room %s", room);
	while (!e && (read = stanza_read(&w.stanza, in)) != E_SHORT) {
		any = true;
		e = answer(&w, read);
		if (fflush(stdout) || ferror(stdout)) {
			status = fail_why(E_IO, strerror(errno), "", "standard output");
			e = E_IO;
		} else if (e) {
			status = fail_why(e, "bdkd ended the connection, or does not answer",
					  "what follows is not answered", "room %s", room);
		}
		wipe(out, sizeof out);
	}
	if (!e && ferror(in))
		status = fail_why(E_IO, strerror(errno), "", "%s", name);
	else if (!e && !any)
		status = fail_why(E_SHORT, "no stanza in it", "give it what pos prints", "%s", name);
	disconnect(&w);
	status = status ? status : err_exit(w.first);
	wipe(&w, sizeof w);
	fclose(in);
	wipe(input, sizeof input);
	return status;
}

static const struct opt decrypt_opts[] = {
	{ "room", "DIR", "the acquirer room's folder", &room, true },
	{ NULL, NULL, NULL, NULL, false },
};

static const struct command commands[] = {
	{ "decrypt", "[FILE]", "Recover PINs, check MACs and decrypt data from the KSN.", decrypt_opts, 0, 1, decrypt },
	{ NULL, NULL, NULL, NULL, 0, 0, NULL },
};

int main(int argc, char **argv)
{
	return opt_run_commands(commands, "acquirer", "Asks an acquirer room about what terminals have sent.", argc,
				argv);
}
