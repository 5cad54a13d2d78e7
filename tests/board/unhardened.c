/* The twin for tests/board/skips.py, linked before the firmware's own: each decision is one check and one branch. */
#define SECURE_UNHARDENED
#include "terminal/secure.c"
