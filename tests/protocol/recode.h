/*
 * A body taken apart and put together again: a decoder that accepts only what its encoder makes gives the same bytes.
 */
#ifndef KEYROOM_TESTS_PROTOCOL_RECODE_H
#define KEYROOM_TESTS_PROTOCOL_RECODE_H

#include "protocol/message.h"

/* E_OK, or the decoder's error; an encoder's error is given as E_INTERNAL, since nothing decoded may cause one. */
static inline enum err recode(uint8_t out[static MSG_MAX], size_t *len, unsigned type, struct span body)
{
	union {
		struct msg_hello hello;
		struct msg_offer offer;
		struct msg_key key;
		struct msg_zeroize zeroize;
		struct msg_receipt receipt;
		struct msg_abort abort;
		struct msg_update update;
		struct msg_identify identify;
		struct msg_csr csr;
		struct msg_cert cert;
		struct msg_done done;
	} m;
	enum err e = E_FORMAT, put = E_OK;
	size_t head;

#define RECODE(name)                                                                                                   \
	do {                                                                                                           \
		e = msg_get_##name(&m.name, body);                                                                     \
		if (!e)                                                                                                \
			put = msg_put_##name(out, len, MSG_MAX, &m.name);                                              \
	} while (0)

	switch (type) {
	case MSG_HELLO:
		RECODE(hello);
		break;
	case MSG_OFFER:
		RECODE(offer);
		break;
	case MSG_KEY:
		e = msg_get_key(&m.key, body);
		if (!e) {
			put = msg_put_key(out, len, MSG_MAX, &m.key, &head);
			if (m.key.head.p != body.p || m.key.head.len != head)
				put = E_RANGE;
		}
		break;
	case MSG_ZEROIZE:
		RECODE(zeroize);
		break;
	case MSG_RECEIPT:
		RECODE(receipt);
		break;
	case MSG_ABORT:
		RECODE(abort);
		break;
	case MSG_UPDATE:
		RECODE(update);
		break;
	case MSG_IDENTIFY:
		RECODE(identify);
		break;
	case MSG_CSR:
		RECODE(csr);
		break;
	case MSG_CERT:
		RECODE(cert);
		break;
	case MSG_DONE:
		RECODE(done);
		break;
	default:
		break;
	}
#undef RECODE
	return put ? E_INTERNAL : e;
}

#endif
