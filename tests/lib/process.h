/*
 * bdkd's own processes are the program once more, and here the program is a test: included by whatever opens rooms or
 * starts workers, once a file is enough and more do no harm.
 */
#ifndef KEYROOM_TESTS_LIB_PROCESS_H
#define KEYROOM_TESTS_LIB_PROCESS_H

#include "bdk/process.h"

static __attribute__((constructor)) void be_one_of_its_processes(int argc, char **argv)
{
	process_main(argc, argv);
}

#endif
