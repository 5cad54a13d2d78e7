/* lead: the steps that only some ceremonies have, and which ceremonies there are */
#include "bdk/cli/lead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- A key set for an acquirer ------------------------------------------------------------------------------------ */

static char package_file[128];

static bool generated(void)
{
	return lead_acted("generate", "") != NULL;
}

static const char *wrong_scheme(const char *text)
{
	return strcmp(text, "tdes") && strcmp(text, "aes128") && strcmp(text, "aes192") && strcmp(text, "aes256")
		       ? "tdes, aes128, aes192 or aes256"
		       : NULL;
}

static const char *wrong_certificate(const char *path)
{
	return access(path, R_OK) ? strerror(errno) : NULL;
}

static const char *wrong_package(const char *path)
{
	return access(path, F_OK) ? NULL : "is there already: choose another name";
}

static enum turn generate(void)
{
	static char scheme[16] = "aes128", certificate[128], id[16];
	const struct lead_field f[] = {
		{ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme", scheme, sizeof scheme,
		  wrong_scheme, false },
		{ "The file with the acquirer room's certificate.", "certificate", certificate, sizeof certificate,
		  wrong_certificate, false },
		{ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES). Enter or -: a random one.", "id",
		  id, sizeof id, NULL, true },
		{ "The file that the package for the acquirer goes to.", "package", package_file, sizeof package_file,
		  wrong_package, false },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "whoever leads, a custodian",
				"Generate the key set: it takes a second custodian. Enter asks bdkd.");

	if (t != TURN_ON)
		return t;
	cli.scheme = scheme;
	cli.recipient = certificate;
	cli.id = *id ? id : NULL;
	cli.out = package_file;
	return lead_after(lead_run(cli_generate, 0, NULL));
}

static bool generated_block(void)
{
	return lead_acted("generate-block", "") != NULL;
}

static enum turn generate_block(void)
{
	static char scheme[16] = "aes128", under[16], id[16], export[4] = "N";
	const struct lead_field f[] = {
		{ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme", scheme, sizeof scheme,
		  wrong_scheme, false },
		{ "Under which KBPK? bdk kbpk list shows them.", "KBPK", under, sizeof under, NULL, false },
		{ "May whoever gets it give it on? E, S or N.", "exportability", export, sizeof export, NULL, false },
		{ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES). Enter or -: a random one.", "id",
		  id, sizeof id, NULL, true },
		{ "The file that the key block goes to.", "key block", package_file, sizeof package_file, wrong_package,
		  false },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "whoever leads, a custodian",
				"Generate the key set: it takes a second custodian. Enter asks bdkd.");

	if (t != TURN_ON)
		return t;
	cli.scheme = scheme;
	cli.under = under;
	cli.exportability = export;
	cli.id = *id ? id : NULL;
	cli.out = package_file;
	t = lead_after(lead_run(cli_generate, 0, NULL));
	cli.under = cli.exportability = NULL;
	return t;
}

static bool imported_block(void)
{
	return lead_acted("import-block", "") != NULL;
}

static enum turn import_block(void)
{
	static char file[128], under[16], id[16];
	const struct lead_field f[] = {
		{ "The file with the key block.", "key block", file, sizeof file, wrong_certificate, false },
		{ "Under which KBPK? bdk kbpk list shows them.", "KBPK", under, sizeof under, NULL, false },
		{ "The id of the key set, where the key block names none; Enter or -: it names one.", "id", id,
		  sizeof id, NULL, true },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "whoever leads, a custodian",
				"Import it: it takes a second custodian. Enter asks bdkd.");

	if (t != TURN_ON)
		return t;
	cli.under = under;
	cli.id = *id ? id : NULL;
	t = lead_after(lead_run(cli_import, 1, (const char *const[]){ file }));
	cli.under = cli.id = NULL;
	return t;
}

static bool package_goes(void)
{
	return lead_acted("ceremony", "media: package of ") || lead_acted("ceremony", "media: key block of ");
}

static enum turn hand_over(void)
{
	const struct audit *package = lead_acted("generate", ""),
			   *made = package ? package : lead_acted("generate-block", "");
	char typed[56], text[LEAD_TEXT], what[300];
	enum screen_answer a;

	if (!made)
		return TURN_BACK;
	snprintf(what, sizeof what,
		 "%s%s%s is for its receiver alone, and may travel by any way. Say how it goes, and to whom. (bdk "
		 "package "
		 "writes it once more.)",
		 package ? "The package" : "The key block", *package_file ? " in " : "", package_file);
	a = lead_ask(typed, sizeof typed, what, "whoever takes it along", "");
	if (a != SCREEN_TEXT && (a != SCREEN_ENTER || package_goes()))
		return lead_turn(a);
	if (a == SCREEN_ENTER)
		return TURN_STAY;
	snprintf(text, sizeof text, "%s of %.*s: %s", package ? "package" : "key block",
		 (int)strcspn(made->object, ", "), made->object, typed);
	return lead_write_down("media", text);
}

static const struct lead_step generating[] = {
	LEAD_OPEN,
	{ "Generate the key set", generated, generate,
	  "The key is made in the room's token, and wrapped for the acquirer at once; nobody sees it. Two custodians "
	  "do it: the second sees the same "
	  "lines and the same digest, and agrees." },
	LEAD_COMPARE,
	{ "The package", package_goes, hand_over,
	  "It opens in the acquirer's token alone. bdk import takes it there, and shows the same check value." },
	LEAD_CLOSE,
};

static const struct lead_step generating_block[] = {
	LEAD_OPEN,
	{ "Generate the key set", generated_block, generate_block,
	  "The key is made in the room's token, and written once, at birth, as an X9.143 key block under a KBPK that "
	  "both sites have. Two custodians do it." },
	LEAD_COMPARE,
	{ "The key block", package_goes, hand_over,
	  "It opens under the KBPK alone, and shows the same check value there." },
	LEAD_CLOSE,
};

static const struct lead_step importing_block[] = {
	LEAD_OPEN,
	{ "Import the key block", imported_block, import_block,
	  "It is opened in the token's process alone, under a KBPK that both sites have; usage, mode and exportability "
	  "in it are honoured." },
	LEAD_COMPARE,
	LEAD_CLOSE,
};

/* --- A key set out of components ---------------------------------------------------------------------------------- */

static bool entered(void)
{
	char key[128];
	const char *value;

	return lead_newest_value(key, sizeof key, &value);
}

/* How far it is; false: nothing is being entered, or that is not for this person to know. */
static bool entering(void)
{
	char who[32], name[16], type[16];
	uint64_t n, given;
	bool kbpk;
	enum err e = lead_call(OP_ENTERING, 0);

	if (e == E_LOGIN && lead_login())
		e = lead_call(OP_ENTERING, 0);
	kbpk = !e && field_get(lead_kept.fields, F_KBPK).p;
	if (e || field_text(who, sizeof who, lead_kept.fields, F_WHO) ||
	    field_text(name, sizeof name, lead_kept.fields, kbpk ? F_KBPK : F_KEY_SET) ||
	    field_text(type, sizeof type, lead_kept.fields, kbpk ? F_ALGORITHM : F_SCHEME) ||
	    field_number(&n, lead_kept.fields, F_COUNT, 9) || field_number(&given, lead_kept.fields, F_GIVEN, 9))
		return false;
	lead_note("%s %s (%s), begun by %s: %u of %u components are in.", kbpk ? "KBPK" : "Key set", name, type, who,
		  (unsigned)given, (unsigned)n);
	return true;
}

static const char *wrong_number(const char *text)
{
	return text[1] || *text < '2' || *text > '9' ? "2 to 9" : NULL;
}

static void forget_entry(void)
{
	cli.components = cli.join = cli.scheme = cli.id = cli.kbpk = cli.algorithm = cli.check_value = cli.bag = NULL;
}

/* The first of the custodians says what is entered, and gives the first component. */
static enum turn begin_entry(bool kbpk)
{
	static char n[4], scheme[16] = "tdes", id[16], value[16], bag[16], algorithm[8] = "AES128", name[16];
	const struct lead_field f[] = {
		{ "How many components are there? 2 to 9, each of another custodian.", "components", n, sizeof n,
		  wrong_number, false },
		kbpk ? (struct lead_field){ "Which algorithm? 2TDEA, 3TDEA, AES128, AES192 or AES256.", "algorithm",
					    algorithm, sizeof algorithm, NULL, false }
		     : (struct lead_field){ "Which scheme? tdes, aes128; in test rooms aes192, aes256 too.", "scheme",
					    scheme, sizeof scheme, wrong_scheme, false },
		kbpk ? (struct lead_field){ "The name of the KBPK: 1 to 15 small letters, digits and dashes.", "KBPK",
					    name, sizeof name, NULL, false }
		     : (struct lead_field){ "The id of the key set: FFFF and 6 hex digits (tdes), or 8 (AES).", "id",
					    id, sizeof id, NULL, false },
		{ "The key's check value on the paper; - if there is none: then all are asked.", "check value", value,
		  sizeof value, NULL, true },
		{ "The bag that your own component came in.", "bag", bag, sizeof bag, NULL, false },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "the first of the custodians",
				"Begin. Enter asks for your own component, which nobody sees.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.components = n;
	cli.scheme = kbpk ? NULL : scheme;
	cli.id = kbpk ? NULL : id;
	cli.algorithm = kbpk ? algorithm : NULL;
	cli.kbpk = kbpk ? name : NULL;
	cli.check_value = *value ? value : NULL;
	cli.bag = bag;
	lead_run_alone(cli_import);
	forget_entry();
	return TURN_STAY;
}

static enum turn join_entry(void)
{
	static char bag[16];
	const struct lead_field f[] = { { "The bag that your component came in.", "bag", bag, sizeof bag, NULL,
					  false } };
	enum turn t = lead_form(f, 1, "another of the custodians",
				"Give it. Enter asks for your component, which nobody sees.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.join = "yes";
	cli.bag = bag;
	lead_run_alone(cli_import);
	forget_entry();
	return TURN_STAY;
}

static enum turn enter(bool kbpk)
{
	char typed[8];
	enum screen_answer a;
	bool going;

	if (entered())
		return lead_turn(lead_ask(typed, 2, "The key is here.", "whoever leads", ""));
	going = entering();
	a = lead_watch(typed, sizeof typed,
		       going ? "Each custodian in turn, at an own terminal: bdk lead, and give; or bdk import --join. "
			       "give gives one at this terminal."
			     : "The first custodian begins, at this terminal or an own one: begin.",
		       "the custodians, each with a component");
	if (a == SCREEN_TEXT && !strcmp(typed, "begin") && !going)
		return begin_entry(kbpk);
	if (a == SCREEN_TEXT && !strcmp(typed, "give") && going)
		return join_entry();
	if (a == SCREEN_TEXT || a == SCREEN_ENTER)
		lead_note("%s", going ? "give, or wait for the others" : "begin, or wait for the first");
	return a == SCREEN_LEAVE ? TURN_LEAVE : a == SCREEN_BACK ? TURN_BACK : TURN_STAY;
}

static enum turn enter_key_set(void)
{
	return enter(false);
}

static enum turn enter_kbpk(void)
{
	return enter(true);
}

static const char about_components[] = "Each custodian types his own component, group by group, and sees its check "
				       "value; nobody sees another's. All stay at their "
				       "terminals until the key's check value is confirmed: whoever leaves ends it, "
				       "and everything that was typed is wiped.";

static const struct lead_step entering_key_set[] = {
	LEAD_OPEN,
	{ "Enter the components", entered, enter_key_set, about_components },
	LEAD_COMPARE,
	LEAD_CLOSE,
};

static const struct lead_step entering_kbpk[] = {
	LEAD_OPEN,
	{ "Enter the components", entered, enter_kbpk, about_components },
	LEAD_COMPARE,
	LEAD_CLOSE,
};

/* --- Other custodians --------------------------------------------------------------------------------------------- */

static bool changed(void)
{
	const struct audit *entrusting = lead_acted("entrusting", ""), *entrust = lead_acted("entrust", "");

	return entrusting && entrust && entrust->sequence > entrusting->sequence;
}

/* Who they are, who is next and who has come; is a change under way? */
static bool custodians(bool say)
{
	size_t walk = 0;
	struct span row;

	if (lead_call(OP_CUSTODIANS, 0))
		return false;
	while (say && field_next(&row, lead_kept.fields, F_ROW, &walk)) {
		char name[32], state[32];

		if (!field_text(name, sizeof name, row, F_NAME) && !field_text(state, sizeof state, row, F_STATE))
			snprintf(lead_said + strlen(lead_said), sizeof lead_said - strlen(lead_said), "  %-15s\t%s\n",
				 name, state);
	}
	return field_get(lead_kept.fields, F_HASH).p != NULL;
}

static bool under_way(void)
{
	return changed() || custodians(false);
}

static enum turn change(void)
{
	static char list[256], m[4], k[4];
	const struct lead_field f[] = {
		{ "Who they are from now on: NAME=LOGIN,NAME=LOGIN,...", "custodians", list, sizeof list, NULL, false },
		{ "How many of them unlock the room? 2 or more.", "unlock", m, sizeof m, NULL, false },
		{ "How many of them change custodians? As many or more; Enter or -: as many.", "change", k, sizeof k,
		  NULL, true },
	};
	enum turn t;

	if (under_way())
		return lead_turn(lead_ask(m, 2, "The change has begun.", "whoever leads", ""));
	custodians(true);
	t = lead_form(f, 3, "whoever leads, a custodian",
		      "Begin the change: all of them have ten minutes. Enter asks bdkd.");
	if (t != TURN_ON)
		return t;
	cli.change = list;
	cli.threshold = m;
	cli.so_threshold = *k ? k : NULL;
	return lead_after(lead_run(cli_custodians, 0, NULL));
}

static enum turn entrust(void)
{
	char typed[4];
	enum screen_answer a;
	bool waits;

	lead_note("%s", "");
	waits = custodians(true);
	if (changed() || !waits) {
		if (!changed())
			lead_note("The change has lapsed, or was withdrawn: go back and begin it again.");
		a = lead_ask(typed, sizeof typed,
			     changed() ? "The custodians have changed, and the token's PINs with them." : "Go back.",
			     "whoever leads", "");
		return a == SCREEN_ENTER && !changed() ? TURN_BACK : lead_turn(a);
	}
	a = lead_watch(typed, sizeof typed,
		       "Each of them, in an own login, runs bdk entrust, compares the digest and types a passphrase: "
		       "all who are next, and enough of those who "
		       "are it now.",
		       "the custodians, at their own screens");
	return a == SCREEN_LEAVE ? TURN_LEAVE : a == SCREEN_BACK ? TURN_BACK : TURN_STAY;
}

static const struct lead_step changing[] = {
	LEAD_OPEN,
	{ "Begin the change", under_way, change,
	  "The PINs of the token change with its custodians; whoever is not among the next ones opens nothing any "
	  "more." },
	{ "Every custodian entrusts", changed, entrust,
	  "What each of them types is seen by nobody; all compare the digest that bdk entrust shows." },
	LEAD_CLOSE,
};

/* --- Fresh components --------------------------------------------------------------------------------------------- */

/* All parts of the last key that one was made of */
static bool all_made(void)
{
	const struct audit *last = lead_acted("mailer", "");
	unsigned part, parts = 0, made = 0;
	char key[32] = "", other[32];

	if (!last || sscanf(last->object, "component %u of %u of %31s", &part, &parts, key) != 3)
		return false;
	for (size_t i = 0; i < lead_now.n; i++)
		made += !*lead_now.act[i].reason && !strcmp(lead_now.act[i].what, "mailer") &&
			sscanf(lead_now.act[i].object, "component %*u of %*u of %31s", other) == 1 &&
			!strcmp(other, key);
	return made >= parts;
}

static enum turn make_one(void)
{
	static char type[8] = "tdes", key[25], part[4], bag[16];
	const struct lead_field f[] = {
		{ "Of which key? The id of the key set, or the KBPK's name, that it will have.", "key", key, sizeof key,
		  NULL, false },
		{ "Of which type? tdes or aes128; a KBPK: 2TDEA, 3TDEA, AES128, AES192, AES256.", "type", type,
		  sizeof type, NULL, false },
		{ "Which component of how many? 1/3 is the first of three.", "component", part, sizeof part,
		  lead_wrong_part, false },
		{ "The number of the bag that its mailer goes into.", "bag", bag, sizeof bag, NULL, false },
	};
	enum turn t = lead_form(f, sizeof f / sizeof *f, "the custodian who gets it, alone at this screen",
				"Make it. Enter shows it once: only its custodian looks.");

	if (t != TURN_ON)
		return t == TURN_BACK ? TURN_STAY : t;
	cli.scheme = wrong_scheme(type) ? NULL : type;
	cli.algorithm = cli.scheme ? NULL : type;
	cli.holds = key;
	cli.part = part;
	cli.bag = bag;
	lead_run_alone(cli_component);
	cli.scheme = cli.algorithm = cli.holds = cli.part = cli.bag = NULL;
	return TURN_STAY;
}

static enum turn make_all(void)
{
	const bool all = all_made();
	char typed[8];
	enum screen_answer a;

	if (all)
		lead_note("%s", ""); /* another one may have made the last since this one was told of it */
	a = lead_ask(typed, sizeof typed,
		     all ? "All components are made. Enter goes on."
			 : "Each custodian in turn, at this terminal or an own one (bdk lead there): make.",
		     "each custodian, for his own component", "");
	if (a == SCREEN_TEXT && !strcmp(typed, "make"))
		return make_one();
	if (a != SCREEN_ENTER || all)
		return lead_turn(a);
	lead_note("Not all components are made: make, or b goes back.");
	return TURN_STAY;
}

static const struct lead_step making[] = {
	LEAD_OPEN,
	{ "Make the components", all_made, make_all,
	  "Each is random, and is shown once, to its custodian alone, who writes it on a mailer, with its check value, "
	  "and seals that in a bag. "
	  "The room keeps the check value and the bag's number, and nothing else of it." },
	LEAD_CLOSE,
};

/* --- The end of a key set ------------------------------------------------------------------------------------------ */

static bool destroyed(void)
{
	return lead_acted("destroy", "") != NULL;
}

static enum turn destroy(void)
{
	static char id[16], reason[64], file[128];
	const struct lead_field f[] = {
		{ "Which key set? Its id, as on the paper that says that it is to be destroyed.", "key set", id,
		  sizeof id, NULL, false },
		{ "Why? It stands in the audit and in the certificate.", "reason", reason, sizeof reason, NULL, false },
		{ "The file that the certificate of its destruction goes to.", "certificate", file, sizeof file,
		  wrong_package, false },
	};
	enum turn t =
		lead_form(f, sizeof f / sizeof *f, "whoever leads, a custodian",
			  "Destroy it: it takes a second custodian, and nothing brings it back. Enter asks bdkd.");

	if (t != TURN_ON)
		return t;
	cli.reason = reason;
	cli.out = file;
	t = lead_after(lead_run(cli_destroy, 1, (const char *const[]){ id }));
	cli.reason = NULL;
	return t;
}

static bool paper_ended(void)
{
	return lead_acted("ceremony", "remark: certificate of ") != NULL;
}

/* What hung on it outside the token: nothing that the room could look at itself. */
static enum turn end_paper(void)
{
	const struct audit *ended = lead_acted("destroy", "");
	char typed[4], text[LEAD_TEXT];
	enum screen_answer a;

	if (!ended)
		return TURN_BACK;
	a = lead_ask(typed, 2,
		     "Print the certificate; both custodians read and sign it. Components and backups of this key are "
		     "destroyed now too, and "
		     "said so at the step Media. Enter once both have signed.",
		     "both custodians", "");
	if (a != SCREEN_ENTER || paper_ended())
		return lead_turn(a);
	snprintf(text, sizeof text, "certificate of %.*s printed and signed", (int)strcspn(ended->object, ":, "),
		 ended->object);
	return lead_write_down("remark", text);
}

static const struct lead_step destroying[] = {
	LEAD_OPEN,
	{ "Destroy the key set", destroyed, destroy,
	  "The token destroys it, and the room looks that it is gone, before it says so; its id never comes back. It "
	  "is deactivated first, "
	  "or compromised. Terminals that have keys of it are loaded from another one before: bdk below lists them." },
	{ "The certificate", paper_ended, end_paper,
	  "It is signed by the room's records key; bdk destroyed verify checks it anywhere." },
	LEAD_CLOSE,
};

/* --- All of them -------------------------------------------------------------------------------------------------- */

#define STEPS(s) s, sizeof(s) / sizeof *(s)
const struct lead_kind lead_kinds[] = {
	{ "generate", "Key set for an acquirer", "l", true, STEPS(generating) },
	{ "block-out", "Key set for a receiver, in a key block", "l", true, STEPS(generating_block) },
	{ "block-in", "Key set out of a key block", "la", true, STEPS(importing_block) },
	{ "components", "Key set out of components", "la", true, STEPS(entering_key_set) },
	{ "kbpk", "KBPK out of components", "la", true, STEPS(entering_kbpk) },
	{ "mailers", "Components for sealed mailers", "la", true, STEPS(making) },
	{ "destroy", "End of a key set", "la", true, STEPS(destroying) },
	{ "custodians", "Other custodians", "cla", false, STEPS(changing) },
};
const size_t lead_kinds_n = sizeof lead_kinds / sizeof *lead_kinds;
