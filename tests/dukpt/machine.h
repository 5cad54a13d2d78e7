/*
 * The register machine in any state, without living up to it. For tests only.
 */
#ifndef KEYROOM_TESTS_DUKPT_MACHINE_H
#define KEYROOM_TESTS_DUKPT_MACHINE_H

#include "dukpt/host.h"
#include "dukpt/registers.h"

#include <stdlib.h>
#include <string.h>

/*
 * The state of a machine that is about to give k's key, made from the initial key: full are the register of the lowest
 * one-bit, and that of each higher zero-bit if the one-bits above it leave room for one more.
 */
static inline struct dukpt_registers machine_at(enum dukpt_scheme s, const struct key *ik, const struct ksn *k)
{
	struct dukpt_registers r;
	uint32_t c = ksn_counter(k), lowest = c & (0u - c);

	memset(&r, 0, sizeof r);
	r.scheme = (uint8_t)s;
	r.ksn = *k;
	for (int bit = s == DUKPT_TDES ? 20 : 31; bit >= 0; bit--) {
		uint32_t one = 1u << bit;
		struct ksn from;
		struct key key;

		ksn_set_counter(&from, k, (c & ~(one - 1)) | one);
		if (one < lowest || (one > lowest && (c & one)) || !ksn_counter_valid(&from))
			continue;
		if (dukpt_host_txn(&key, ik, s, &from))
			abort();
		memcpy(r.key[bit], key.b, key.len);
		r.filled |= one;
	}
	return r;
}

#endif
