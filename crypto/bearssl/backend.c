#include "crypto/backend.h"

const char *crypto_backend(void)
{
	return "BearSSL";
}
