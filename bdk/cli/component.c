/* import of components, component */
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/host/prompt.h"
#include "base/wipe.h"
#include "bdk/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEY_MOST = 32, KCV_MOST = 5, FORM = 1024 };

static struct client c;
static struct record request;

struct kind;

/* What is being entered, as the room says. */
static struct entry {
	uint8_t hash[CLI_DIGEST];
	char who[64], name[16], kind[16];
	const struct kind *of;
	uint64_t n, given, used, seconds;
	char paper[2 * KCV_MOST + 1];
} entry;

/* Of key sets, and of KBPKs. */
static const struct kind {
	const char *name;
	bool kbpk;
	uint8_t len, kcv;
} kinds[] = { { "tdes", false, 16, 3 },	  { "aes128", false, 16, 5 }, { "aes192", false, 24, 5 }, { "aes256", false, 32, 5 },
	      { "2TDEA", true, 16, 3 },	  { "3TDEA", true, 24, 3 },   { "AES128", true, 16, 5 },  { "AES192", true, 24, 5 },
	      { "AES256", true, 32, 5 } };

static const struct kind *kind_of(const char *name, bool kbpk)
{
	for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].kbpk == kbpk && !strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

/* The kind that the command line names, --scheme or --algorithm; NULL, having said why */
static const struct kind *kind_named(int *status)
{
	const struct kind *k = !cli.scheme != !cli.algorithm ?
				       kind_of(cli.scheme ? cli.scheme : cli.algorithm, cli.algorithm) : NULL;

	if (!k)
		*status = fail_why(E_USAGE, "one of them is needed",
				   "tdes, aes128, aes192 or aes256; of a KBPK 2TDEA, 3TDEA, AES128, AES192 or AES256",
				   "--scheme or --algorithm");
	return k;
}

/* A check value as text, "" for none. */
static void kcv_text(char out[static 2 * KCV_MOST + 1], struct span v)
{
	hex_encode(out, v.p, v.len <= KCV_MOST ? v.len : 0);
}

/* --- The entry ---------------------------------------------------------------------------------------------------- */

static bool begin(int *status)
{
	const struct kind *k;
	uint8_t kcv[KCV_MOST];
	unsigned long n;
	size_t len = 0;

	if (!opt_number(&n, "components", cli.components, 2, 9)) {
		*status = err_exit(E_USAGE);
		return false;
	}
	if (!cli.id == !cli.kbpk || !cli.kbpk != !cli.algorithm) {
		*status = fail_why(E_USAGE, "is needed with --components", "--id and --scheme, or --kbpk and --algorithm",
				   "the key's name");
		return false;
	}
	k = kind_named(status);
	if (!k)
		return false;
	if (cli.check_value &&
	    (hex_decode(kcv, &len, sizeof kcv, cli.check_value, strlen(cli.check_value)) || len != k->kcv)) {
		*status = fail_why(E_USAGE, "is no check value of such a key", "6 hex digits for TDES, 10 for AES",
				   "--check-value %s", cli.check_value);
		return false;
	}
	record_begin(&request, OP_ENTER);
	record_put_text(&request, k->kbpk ? F_KBPK : F_KEY_SET, k->kbpk ? cli.kbpk : cli.id);
	record_put_text(&request, k->kbpk ? F_ALGORITHM : F_SCHEME, k->name);
	record_put_number(&request, F_COUNT, n);
	if (len)
		record_put(&request, F_KCV, (struct span){ kcv, len });
	return cli_ask(&c, &request, status, cli.room);
}

static bool look(int *status)
{
	struct span hash;
	bool kbpk;
	char why[256];

	record_begin(&request, OP_ENTERING);
	if (!cli_ask(&c, &request, status, cli.room))
		return false;
	if (!field_text(why, sizeof why, c.fields, F_REASON)) {
		*status = fail_why(E_LAPSED, why, err_hint(E_LAPSED), "%s", cli.room);
		return false;
	}
	hash = field_get(c.fields, F_HASH);
	kcv_text(entry.paper, field_get(c.fields, F_KCV));
	kbpk = field_get(c.fields, F_KBPK).p;
	if (hash.len != sizeof entry.hash || field_text(entry.who, sizeof entry.who, c.fields, F_WHO) ||
	    field_text(entry.name, sizeof entry.name, c.fields, kbpk ? F_KBPK : F_KEY_SET) ||
	    field_text(entry.kind, sizeof entry.kind, c.fields, kbpk ? F_ALGORITHM : F_SCHEME) ||
	    !(entry.of = kind_of(entry.kind, kbpk)) ||
	    field_number(&entry.n, c.fields, F_COUNT, 9) || field_number(&entry.given, c.fields, F_GIVEN, 9) ||
	    field_number(&entry.used, c.fields, F_USED, 1) || field_number(&entry.seconds, c.fields, F_SECONDS, INT32_MAX)) {
		*status = cli_fail(&c, E_FORMAT, cli.room);
		return false;
	}
	memcpy(entry.hash, hash.p, sizeof entry.hash);
	return true;
}

static void show(void)
{
	char hex[2 * CLI_DIGEST + 1];

	hex_encode(hex, entry.hash, sizeof entry.hash);
	fprintf(stderr, "  digest ");
	for (int i = 0; i < CLI_DIGEST; i += 4)
		fprintf(stderr, " %.4s", hex + i);
	fprintf(stderr, "\n  %s  %s (%s), begun by %s\n", entry.of->kbpk ? "KBPK   " : "key set", entry.name, entry.kind,
		entry.who);
	if (*entry.paper)
		fprintf(stderr, "  on the paper: check value %s\n", entry.paper);
	fprintf(stderr, "  %llu of %llu components are in; it ends in %llu seconds if nobody goes on with it\n",
		(unsigned long long)entry.given, (unsigned long long)entry.n, (unsigned long long)entry.seconds);
}

/* The digits that this person was told have to be those of what the room shows. */
static bool is_meant(int words, char **word, int *status)
{
	char digits[2 * CLI_DIGEST + 1], hex[2 * CLI_DIGEST + 1];

	if (!words)
		return true;
	hex_encode(hex, entry.hash, sizeof entry.hash);
	if (!cli_digits(digits, words, word))
		*status = fail_why(E_USAGE, "a digest's first 8 hex digits at least are needed",
				   "as they stand on the first one's screen", "%s", word[0]);
	else if (strncasecmp(hex, digits, strlen(digits)) != 0)
		*status = fail_why(E_DENIED, "another key is being entered than the one with this digest",
				   "ask whoever has begun it", "%s", digits);
	else
		return true;
	return false;
}

/* One component, until its check value is confirmed. False, having said why */
static bool give(int *status)
{
	const struct kind *s = entry.of;
	uint8_t key[KEY_MOST], kcv[KCV_MOST];
	char text[2 * KCV_MOST + 1], question[128];
	bool good = true, yes = false;
	struct span v;

	while (good && !yes) {
		good = prompt_digits(key, s->len, "Your component", status);
		if (!good)
			break;
		record_begin(&request, OP_COMPONENT);
		record_put(&request, F_HASH, SPAN(entry.hash));
		record_put(&request, F_COMPONENT, (struct span){ key, s->len });
		good = cli_ask(&c, &request, status, cli.room);
		wipe(&request, sizeof request);
		wipe(key, sizeof key);
		if (!good)
			break;
		v = field_get(c.fields, F_KCV);
		if (v.len != s->kcv) {
			*status = cli_fail(&c, E_FORMAT, cli.room);
			return false;
		}
		memcpy(kcv, v.p, v.len);
		kcv_text(text, v);
		snprintf(question, sizeof question, "Its check value is %s.\nIs that what its paper says? No: type it again", text);
		good = prompt_yes(&yes, question, status);
	}
	wipe(key, sizeof key);
	if (!good)
		return false;
	record_begin(&request, OP_CONFIRM);
	record_put(&request, F_HASH, SPAN(entry.hash));
	record_put(&request, F_KCV, (struct span){ kcv, s->kcv });
	record_put_text(&request, F_BAG, cli.bag);
	return cli_ask(&c, &request, status, cli.room);
}

/* All are in: is the key's check value on the paper? */
static bool agree(int *status)
{
	uint8_t kcv[KCV_MOST];
	char text[2 * KCV_MOST + 1], question[128];
	struct span v = field_get(c.fields, F_KCV);
	bool yes;

	if (v.len != entry.of->kcv) {
		*status = cli_fail(&c, E_FORMAT, cli.room);
		return false;
	}
	memcpy(kcv, v.p, v.len);
	kcv_text(text, v);
	snprintf(question, sizeof question, "All components are in. The key's check value is %s.\nIs that what the paper says?", text);
	if (!prompt_yes(&yes, question, status))
		return false;
	record_begin(&request, OP_AGREE);
	record_put(&request, F_HASH, SPAN(entry.hash));
	record_put(&request, F_KCV, (struct span){ kcv, entry.of->kcv });
	record_put_text(&request, F_STATE, yes ? "agreed" : "refused");
	return cli_ask(&c, &request, status, cli.room);
}

/* Stays until there is the key set, or nothing. */
static void stay(int *status)
{
	char state[16] = "", kcv[2 * KCV_MOST + 1];

	while (strcmp(state, "taken") != 0) {
		record_begin(&request, OP_ENTERED);
		if (!cli_ask(&c, &request, status, cli.room))
			return;
		if (field_text(state, sizeof state, c.fields, F_STATE)) {
			*status = cli_fail(&c, E_FORMAT, cli.room);
			return;
		}
		if (!strcmp(state, "agree") && !agree(status))
			return;
	}
	kcv_text(kcv, field_get(c.fields, F_KCV));
	printf("imported %s %s (%s), check value %s, of %llu components\n", entry.of->kbpk ? "KBPK" : "key set", entry.name,
	       entry.kind, kcv, (unsigned long long)entry.n);
}

static int withdraw(void)
{
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_WITHDRAW);
	if (cli_ask(&c, &request, &status, cli.room))
		printf("withdrawn: everything that was given is wiped\n");
	client_close(&c);
	return status;
}

int cli_enter(int operands, char **operand)
{
	bool locked; /* where memory may not be locked it is at least in no core dump */
	uint64_t number = 0;
	int status = 0;

	if (!cli.components + !cli.join + !cli.withdraw != 2)
		return fail_why(E_USAGE, "one of them", "--help tells how", "--components, --join and --withdraw");
	if (operands && !cli.join)
		return fail_why(E_USAGE, "is not for this", "--help tells how", "%s", operand[0]);
	if (!cli.components && (cli.id || cli.scheme || cli.kbpk || cli.algorithm || cli.check_value))
		return fail_why(E_USAGE, "go with --components: the others see them", "--help tells how",
				"the key's name, kind and check value");
	if (cli.withdraw)
		return withdraw();
	if (!cli.bag)
		return fail_why(E_USAGE, "is needed", "the number of the bag that your component came in", "--bag NUMBER");
	if (guard_secrets(&locked))
		return fail_say(E_INTERNAL, "%s", cli.room);
	if (!cli_open(&c, &status))
		return status;
	if ((!cli.components || begin(&status)) && look(&status) && is_meant(operands, operand, &status)) {
		show();
		if (cli.components)
			fprintf(stderr, "the others, each in an own login:\n  bdk import --room %s --join --bag NUMBER DIGEST\n",
				cli.room);
		else
			fprintf(stderr, "All who take part see this digest, or it is another key: then type nothing.\n");
		if (give(&status)) {
			if (!field_number(&number, c.fields, F_NUMBER, 9))
				fprintf(stderr, "component %llu of %llu is in; waiting, interrupt to end it for all\n",
					(unsigned long long)number, (unsigned long long)entry.n);
			stay(&status);
		}
	}
	wipe(&request, sizeof request);
	client_close(&c);
	return status;
}

/* --- A fresh component -------------------------------------------------------------------------------------------- */

/* What is printed on a mailer, in groups as custodians type them. */
static void write_form(char out[static FORM], struct span key, const char *kind, const char *kcv, const char *who)
{
	char made[CLI_TIME], hex[2 * KEY_MOST + 1];
	size_t n;

	hex_encode(hex, key.p, key.len);
	cli_time(made, (uint64_t)time(NULL));
	n = (size_t)snprintf(out, FORM, "\n  KEY COMPONENT %s\n\n  of the key    %s (%s)\n  component    ",
			     cli.part, cli.holds, kind);
	for (size_t i = 0; i < 2 * key.len; i += 4)
		n += (size_t)snprintf(out + n, FORM - n, "%s %.4s", i && !(i % 16) ? "\n              " : "", hex + i);
	snprintf(out + n, FORM - n, "\n  check value   %s\n  bag           %s\n  custodian     %s\n  made          %s\n\n", kcv,
		 cli.bag, who, made);
	wipe(hex, sizeof hex);
}

/* To a printer, or into a new file. */
static int open_mailer(int *status)
{
	struct stat st;
	int fd = open(cli.mailer, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST && !stat(cli.mailer, &st) && S_ISCHR(st.st_mode))
		fd = open(cli.mailer, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		*status = fail_why(errno == EEXIST ? E_EXISTS : E_IO, strerror(errno), "name a printer, or a new file",
				   "--mailer %s", cli.mailer);
	return fd;
}

int cli_component(int operands, char **operand)
{
	char form[FORM], kcv[2 * KCV_MOST + 1], who[64], text[FORM + 128];
	struct span key = { NULL, 0 };
	const struct kind *k;
	struct stat st;
	bool locked;
	int status = 0, fd = -1;

	(void)operands;
	(void)operand;
	if (!cli.mailer && !isatty(STDOUT_FILENO))
		return fail_why(E_USAGE, "is no terminal", "a component is shown on one, or goes to --mailer FILE", "standard output");
	k = kind_named(&status);
	if (!k)
		return status;
	if (guard_secrets(&locked))
		return fail_say(E_INTERNAL, "%s", cli.room);
	if (!cli_open(&c, &status))
		return status;
	if (cli.mailer && (fd = open_mailer(&status)) < 0)
		goto done;
	record_begin(&request, OP_MAILER);
	record_put_text(&request, k->kbpk ? F_ALGORITHM : F_SCHEME, k->name);
	record_put_text(&request, F_KEY_SET, cli.holds);
	record_put_text(&request, F_BAG, cli.bag);
	if (!cli_put_part(&request, &status) || !cli_ask(&c, &request, &status, cli.room))
		goto done;
	key = field_get(c.fields, F_COMPONENT);
	kcv_text(kcv, field_get(c.fields, F_KCV));
	if (key.len != k->len || field_text(who, sizeof who, c.fields, F_WHO)) {
		status = cli_fail(&c, E_FORMAT, cli.room);
		goto done;
	}
	write_form(form, key, k->name, kcv, who);
	if (fd >= 0) {
		size_t n = strlen(form);

		if (write(fd, form, n) != (ssize_t)n)
			status = fail_why(E_IO, strerror(errno), "make another one", "--mailer %s", cli.mailer);
	} else {
		snprintf(text, sizeof text, "\033[H\033[2J%s  Write it on the mailer, seal it, and press a key: it is shown once.\n", form);
		prompt_show(text, &status);
	}
	if (!status)
		printf("component for bag %s, check value %s\n", cli.bag, kcv);
done:
	/* what is empty, or a piece of a component, is no mailer */
	if (status && fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		unlink(cli.mailer);
	if (fd >= 0)
		close(fd);
	wipe(form, sizeof form);
	wipe(text, sizeof text);
	client_close(&c); /* wipes what it has received */
	return status;
}
