#include "crypto/openssl/cipher.h"
#include "base/wipe.h"

/* EVP counts in int; every block size divides this */
#define PIECE ((size_t)1 << 30)

enum err cipher_run(uint8_t *out, const EVP_CIPHER *cipher, const uint8_t *key, enum dir dir, const uint8_t *iv,
		    const uint8_t *in, size_t len)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	enum err e = E_CRYPTO;

	if (!c || !cipher || EVP_CipherInit_ex2(c, cipher, key, iv, dir == ENCRYPT, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(c, 0) != 1)
		goto done;
	for (size_t at = 0, piece; at < len; at += piece) {
		int n;

		piece = len - at < PIECE ? len - at : PIECE;
		if (EVP_CipherUpdate(c, out + at, &n, in + at, (int)piece) != 1 || (size_t)n != piece)
			goto done;
	}
	e = E_OK;
done:
	EVP_CIPHER_CTX_free(c); /* wipes the schedule */
	if (e)
		wipe(out, len);
	return e;
}
