#include "tests/lib/token_folder.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void token_folder_make(struct token_folder *f)
{
	FILE *conf;

	test_folder_make(f->dir, sizeof f->dir);
	snprintf(f->conf, sizeof f->conf, "%s/conf", f->dir);
	conf = fopen(f->conf, "w");
	if (!conf ||
	    fprintf(conf, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", f->dir) < 0 ||
	    fclose(conf) || setenv("SOFTHSM2_CONF", f->conf, 1)) {
		perror(f->conf);
		exit(2);
	}
	f->at.uri = TOKEN_FOLDER_URI;
	f->at.softhsm_conf = f->conf;
}

void token_folder_make_token(struct token_folder *f)
{
	enum err e;

	token_folder_make(f);
	e = worker_init_token(&f->at, TOKEN_FOLDER_PIN, TOKEN_FOLDER_SO_PIN);
	if (e) {
		fprintf(stderr, "%s: no token: %s\n", f->dir, err_text(e));
		exit(2);
	}
}

void token_folder_remove(struct token_folder *f)
{
	test_folder_remove(f->dir);
	memset(f, 0, sizeof *f);
}
