/*
 * A SoftHSM token store of a test's own, in a folder of test_folder_make(): never the system's.
 */
#ifndef KEYROOM_TESTS_LIB_TOKEN_FOLDER_H
#define KEYROOM_TESTS_LIB_TOKEN_FOLDER_H

#include "bdk/worker.h"

#define TOKEN_FOLDER_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define TOKEN_FOLDER_URI "pkcs11:token=Test%20room?module-path=" TOKEN_FOLDER_MODULE
#define TOKEN_FOLDER_PIN ((struct span){ (const uint8_t *)"0123456789abcdef", 16 })
#define TOKEN_FOLDER_SO_PIN ((struct span){ (const uint8_t *)"fedcba9876543210", 16 })

struct token_folder {
	char dir[64];
	char conf[80];
	struct token_place at; /* TOKEN_FOLDER_URI and conf: points into this struct */
};

/* token_folder_make - the folder and its softhsm2.conf, no token yet; exits 2 with a line when it cannot. SOFTHSM2_CONF
 * of this process is set as well, for tests that run the token without a worker. */
void token_folder_make(struct token_folder *f);

/* token_folder_make_token - that, and a token with TOKEN_FOLDER_PIN */
void token_folder_make_token(struct token_folder *f);

/* token_folder_remove - delete it with everything in it */
void token_folder_remove(struct token_folder *f);

#endif
