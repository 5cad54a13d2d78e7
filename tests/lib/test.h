/*
 * What every test shares: running a Check suite, and reading the vector files.
 */
#ifndef KEYROOM_TESTS_LIB_TEST_H
#define KEYROOM_TESTS_LIB_TEST_H

#include "base/host/stanza.h"
#include "crypto/key.h"

#include <check.h>

/* test_main - run the suite (verbose on failure); the exit status of the program. Each test runs in its own process. */
int test_main(Suite *s);

/* test_vectors - all stanzas of vectors/NAME; exits 2 with a line when the file cannot be read or holds none, so that
 * a missing file is never a silent pass. The result lives until the program ends. */
const struct stanza *test_vectors(const char *name, size_t *count);

/* test_hex - bytes of a hexadecimal text; exits 2 when it is not. Returns the length. */
size_t test_hex(uint8_t *out, size_t size, const char *text);

/* test_key - a key from hexadecimal text; exits 2 when it is not one */
struct key test_key(const char *text);

/* test_folder_make - a new folder below $TMPDIR (/tmp where that is not set); exits 2 with a line when it cannot, or
 * when its path does not fit. test_folder_remove - delete it with everything in it */
void test_folder_make(char *dir, size_t size);
void test_folder_remove(const char *dir);

/* every fuzz target defines this; tests/lib/fuzz_main.c replays a corpus through it where libFuzzer is not linked */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
