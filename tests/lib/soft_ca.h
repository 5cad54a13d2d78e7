/*
 * Authorities whose keys are bytes, and in no token.
 */
#ifndef KEYROOM_TESTS_LIB_SOFT_CA_H
#define KEYROOM_TESTS_LIB_SOFT_CA_H

#include "bdk/pki.h"

/* soft_sign - signs for a struct pki_signer; priv is a struct key */
enum err soft_sign(void *priv, uint8_t sig[static P256_SIG], const uint8_t digest[static 32]);

#define SOFT_CA_UTC UINT64_C(1790000000)

/* soft_ca - the certificate (DER) of "Test device CA", the same in every run, as what the corpora of fuzz targets come from */
struct span soft_ca(void);

#endif
