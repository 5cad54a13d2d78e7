#include "lab/commands.h"

#include <string.h>

static const struct {
	const char *name;
	answerer *answer;
} commands[] = {
	{ "derive", derive_answer },       { "ksn", ksn_answer },
	{ "pinblock", pinblock_answer },   { "mac", mac_answer },
	{ "data", data_answer },           { "keyblock", keyblock_answer },
	{ "primitive", primitive_answer },
};

enum err command_answer(struct stanza *a, const struct stanza *q, const char *name)
{
	const struct turn t = { q, a };
	enum err e;

	turn_begin(&t);
	if (!name)
		name = turn_get(&t, "command");
	for (size_t i = 0; name && i < sizeof commands / sizeof commands[0]; i++)
		if (!strcmp(commands[i].name, name))
			return turn_end(&t, commands[i].answer(&t));
	e = turn_refuse(&t, E_FORMAT, name ? "command is none of lab's" : "command is needed");
	return turn_end(&t, e);
}
