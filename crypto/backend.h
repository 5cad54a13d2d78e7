/*
 * Which cryptographic library is linked in: crypto/openssl or crypto/bearssl says so.
 */
#ifndef KEYROOM_CRYPTO_BACKEND_H
#define KEYROOM_CRYPTO_BACKEND_H

/* crypto_backend - its name, for reports: "OpenSSL", "BearSSL". Never NULL. */
const char *crypto_backend(void);

#endif
