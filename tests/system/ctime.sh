#!/bin/bash
# Constant time under valgrind: tests/ctime, with its broken twins.
exec tools/ctime "$B/test/ctime/ctime"
