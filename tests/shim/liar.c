/*
 * A PKCS#11 module that is SoftHSM but for one lie (tests/shim/lies.h): KEYROOM_LIE says which.
 */
#include "tests/shim/lies.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	static CK_FUNCTION_LIST lying;
	void *module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
	const char *which = getenv("KEYROOM_LIE");
	CK_FUNCTION_LIST *real;

	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	lying = *real;
	if (!which || !lie(&lying, which)) {
		fprintf(stderr, "liar: KEYROOM_LIE: no such lie\n");
		return CKR_GENERAL_ERROR;
	}
	*list = &lying;
	return CKR_OK;
}
